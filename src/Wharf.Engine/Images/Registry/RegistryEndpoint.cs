using System.Net;
using System.Security.Cryptography.X509Certificates;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>A place to ask for a repository: the registry itself or a mirror of it.</summary>
/// <param name="Host">Host with its port where one is given.</param>
/// <param name="Scheme">Fixed by a mirror's URL; null: HTTPS, and HTTP after it where that is allowed.</param>
/// <param name="IsInsecure">Certificates are not checked, and plain HTTP will do.</param>
/// <param name="IsMirror">Gets no credentials of the registry it stands for.</param>
internal sealed record RegistryEndpoint(string Host, string? Scheme, bool IsInsecure, bool IsMirror)
{
    /// <summary>The endpoints of a domain in the order to try them: its mirrors, then the registry.</summary>
    public static List<RegistryEndpoint> Of(string domain, DaemonOptions options, bool push)
    {
        var endpoints = new List<RegistryEndpoint>();
        if (!push)
        {
            var mirrors = new List<string>(options.RegistryHosts.GetValueOrDefault(domain) ?? []);
            if (domain == ImageReference.DefaultDomain) mirrors.AddRange(options.RegistryMirrors);
            foreach (var mirror in mirrors)
            {
                if (!Uri.TryCreate(mirror, UriKind.Absolute, out var url)) throw WharfException.Invalid($"invalid mirror \"{mirror}\"");
                endpoints.Add(new RegistryEndpoint(url.Authority, url.Scheme, IsAllowedPlain(url.Authority, options), IsMirror: true));
            }
        }
        // docker.io's registry has another name.
        var host = domain == ImageReference.DefaultDomain ? "registry-1.docker.io" : domain;
        endpoints.Add(new RegistryEndpoint(host, null, IsAllowedPlain(host, options), IsMirror: false));
        return endpoints;
    }

    /// <summary>Loopback addresses, and what the daemon was told to be insecure.</summary>
    public static bool IsAllowedPlain(string host, DaemonOptions options)
    {
        var name = host.StartsWith('[') ? host[1..host.IndexOf(']')] : host.Split(':')[0];
        bool isAddress = IPAddress.TryParse(name, out var address);
        if (name == "localhost" || (isAddress && IPAddress.IsLoopback(address!))) return true;
        return options.InsecureRegistries.Any(entry => entry == host || entry == name || (isAddress && entry.Contains('/') && IPNetwork.TryParse(entry, out var network) && network.Contains(address!)));
    }

    /// <summary>
    /// The TLS side of <c>certs.d/HOST</c>, as docker lays it out: <c>*.crt</c> are CAs that are trusted beside the machine's own,
    /// <c>NAME.cert</c> with <c>NAME.key</c> client certificates.
    /// </summary>
    public (X509Certificate2Collection Authorities, X509Certificate2Collection Clients) Certificates(DaemonOptions options)
    {
        var authorities = new X509Certificate2Collection();
        var clients = new X509Certificate2Collection();
        foreach (var directory in options.CertificateDirectories.Select(path => Path.Combine(path, Host)).Where(Directory.Exists))
        {
            foreach (var path in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
            {
                try
                {
                    if (path.EndsWith(".crt", StringComparison.Ordinal)) authorities.ImportFromPemFile(path);
                    else if (path.EndsWith(".cert", StringComparison.Ordinal)) clients.Add(Client(path));
                    else if (path.EndsWith(".key", StringComparison.Ordinal) && !File.Exists(Path.ChangeExtension(path, ".cert")))
                        throw new WharfException(ErrorKind.Internal, $"missing client certificate {Path.GetFileName(Path.ChangeExtension(path, ".cert"))} for key {Path.GetFileName(path)}");
                }
                catch (System.Security.Cryptography.CryptographicException error)
                {
                    throw new WharfException(ErrorKind.Internal, $"{path}: {error.Message}", error);
                }
            }
        }
        return (authorities, clients);
    }

    private static X509Certificate2 Client(string path)
    {
        var key = Path.ChangeExtension(path, ".key");
        if (!File.Exists(key)) throw new WharfException(ErrorKind.Internal, $"missing key {Path.GetFileName(key)} for client certificate {Path.GetFileName(path)}. CA certificates must use the extension .crt");
        return X509Certificate2.CreateFromPemFile(path, key);
    }
}
