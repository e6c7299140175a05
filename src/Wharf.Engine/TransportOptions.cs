using Wharf.Specs.Errors;

namespace Wharf.Engine;

/// <summary>How the API is served beyond the unix socket: TLS for tcp addresses, authorization plugins, metrics and traces.</summary>
public sealed record TransportOptions
{
    /// <summary>True: TLS. False, when set: the user knows that tcp is served to anyone who reaches it. Null: tcp is refused.</summary>
    public bool? Tls { get; init; }
    /// <summary>TLS, and only for clients with a certificate of <see cref="CaFile"/>.</summary>
    public bool TlsVerify { get; init; }
    public string CaFile { get; init; } = "/etc/wharf/ca.pem";
    public string CertificateFile { get; init; } = "/etc/wharf/cert.pem";
    public string KeyFile { get; init; } = "/etc/wharf/key.pem";
    /// <summary>Address and port that serve <c>/metrics</c> in Prometheus' format; null for none.</summary>
    public string? MetricsAddress { get; init; }
    /// <summary>An OTLP/HTTP endpoint that gets a span for each request, e.g. <c>http://127.0.0.1:4318</c>; null for none.</summary>
    public string? OtlpEndpoint { get; init; }

    /// <summary>Where BuildKit's protocol is served by itself, without the API before it; none by default.</summary>
    public IReadOnlyList<string> BuildKitAddresses { get; init; } = [];

    public bool UsesTls => TlsVerify || Tls == true;

    /// <summary>Throws an InvalidArgument error that names the option.</summary>
    public void Validate(IReadOnlyList<string> hosts)
    {
        foreach (var host in hosts)
        {
            if (host.StartsWith("unix:///", StringComparison.Ordinal) || host is "fd://" || host.StartsWith("fd://", StringComparison.Ordinal)) continue;
            if (!host.StartsWith("tcp://", StringComparison.Ordinal))
                throw WharfException.Invalid($"invalid value \"{host}\" for option \"hosts\": addresses are unix:///path, tcp://address:port and fd://");
            // Whoever reaches the port owns the machine: that is nothing to slip into.
            if (!UsesTls && Tls is null)
                throw WharfException.Invalid($"{host} without TLS lets anyone who reaches it take over this machine: use --tlsverify with --tlscacert, --tlscert and --tlskey, or say --tls=false to serve it nevertheless");
        }
        foreach (var address in BuildKitAddresses)
        {
            if (address.StartsWith("unix:///", StringComparison.Ordinal)) continue;
            if (!address.StartsWith("tcp://", StringComparison.Ordinal)) throw WharfException.Invalid($"invalid value \"{address}\" for option \"buildkit-addr\": addresses are unix:///path and tcp://address:port");
            if (!TlsVerify && Tls != false) throw WharfException.Invalid($"{address} would let anyone who reaches it build on this machine: use --tlsverify with --tlscacert, --tlscert and --tlskey, or say --tls=false to serve it nevertheless");
        }
        if (!UsesTls) return;
        foreach (var (file, option) in (ReadOnlySpan<(string, string)>)[(CertificateFile, "tlscert"), (KeyFile, "tlskey"), (TlsVerify ? CaFile : CertificateFile, "tlscacert")])
            if (!File.Exists(file)) throw WharfException.Invalid($"invalid value \"{file}\" for option \"{option}\": no such file");
    }
}
