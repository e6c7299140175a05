using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Shouldly;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Registry.Hosting;
using Wharf.Engine.Images.Trust;
using Xunit;

namespace Wharf.Tests.Docs;

/// <summary>Configurations that the documents show are read without complaint: keys and values are those there are.</summary>
public sealed partial class DocumentConfigurationTests
{
    [Theory]
    [InlineData("registry.md"), InlineData("image-gc.md"), InlineData("trust.md")]
    public void Every_configuration_in_the_documents_is_read(string page)
    {
        Action<string> read = page switch
        {
            "registry.md" => path => RegistryCommandLine.Read(path),
            "trust.md" => path => TrustPolicyFile.Read(path),
            _ => path => DaemonConfigFile.Read(path),
        };
        var examples = Blocks.Matches(Repository.Read("docs", page)).Select(match => match.Groups["text"].Value).Where(text => text.StartsWith('{') && !text.StartsWith("{\"id\"", StringComparison.Ordinal)).ToList(); // that one is an event
        examples.ShouldNotBeEmpty();
        var directory = Directory.CreateTempSubdirectory("wharf-docs-").FullName;
        try
        {
            WriteKeys(directory);
            foreach (var example in examples)
            {
                var path = Path.Combine(directory, "example.json");
                File.WriteAllText(path, example.Replace("/etc/wharf/", directory + "/", StringComparison.Ordinal));
                Should.NotThrow(() => read(path), example);
            }
        }
        finally { Directory.Delete(directory, recursive: true); }
    }

    /// <summary>The keys and certificates that trust.md's policy names, which are read with it.</summary>
    private static void WriteKeys(string directory)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var name in (string[])["release.pub", "rekor.pub"]) File.WriteAllText(Path.Combine(directory, name), key.ExportSubjectPublicKeyInfoPem());
        var request = new CertificateRequest("CN=ca,O=Example", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        foreach (var name in (string[])["fulcio.pem", "vendor.pem"]) File.WriteAllText(Path.Combine(directory, name), certificate.ExportCertificatePem());
    }

    [GeneratedRegex(@"^```\w*\n(?<text>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Blocks { get; }
}
