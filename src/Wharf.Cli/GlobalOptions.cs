using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli;

/// <summary>Flags before the command's name, with what the environment adds.</summary>
internal sealed class GlobalOptions
{
    private readonly StringFlag config;
    private readonly ListFlag host;
    private readonly BoolFlag tls, tlsVerify;
    private readonly StringFlag caFile, certificateFile, keyFile;
    private readonly Lazy<ConfigFile> configFile;

    public GlobalOptions()
    {
        Flags = new FlagSet { Interspersed = false };
        var directory = ConfigFile.DefaultDirectory;
        var certificates = Environment.GetEnvironmentVariable("DOCKER_CERT_PATH") is { Length: > 0 } path ? path : directory;
        config = Flags.String("config", "Directory of the client's config files", directory);
        Debug = Flags.Bool("debug", 'D', "Show more of what happens");
        host = Flags.List("host", 'H', "Socket of the daemon to talk to");
        Flags.String("log-level", 'l', "Level of the client's own messages (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", "info");
        tls = Flags.Bool("tls", "Use TLS; --tlsverify implies it");
        caFile = Flags.String("tlscacert", "Trust only certificates signed by this CA", Path.Combine(certificates, "ca.pem"));
        certificateFile = Flags.String("tlscert", "TLS certificate of the client", Path.Combine(certificates, "cert.pem"));
        keyFile = Flags.String("tlskey", "TLS key of the client", Path.Combine(certificates, "key.pem"));
        tlsVerify = Flags.Bool("tlsverify", "Use TLS and verify the daemon");
        Version = Flags.Bool("version", 'v', "Print the version and quit");
        configFile = new Lazy<ConfigFile>(() => new ConfigFile(config.Value));
    }

    public FlagSet Flags { get; }
    public BoolFlag Debug { get; }
    public BoolFlag Version { get; }
    public ConfigFile Config => configFile.Value;

    public DockerClient CreateClient()
    {
        if (host.Values.Count > 1) throw new CliException("Failed to initialize: unable to resolve docker endpoint: Specify only one -H");
        var text = host.Values.Count == 1 ? host.Values[0] : Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } set ? set : DockerHost.Default;
        var verify = tlsVerify.Changed ? tlsVerify.Value : !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DOCKER_TLS_VERIFY"));
        var parsed = DockerHost.Parse(text);
        var usesTls = parsed.SocketPath is null && (tls || verify || parsed.IsTls);
        var options = usesTls ? new TlsOptions(verify || !tls, caFile.Value, certificateFile.Value, keyFile.Value) : null;
        var fixedVersion = Environment.GetEnvironmentVariable("DOCKER_API_VERSION") is { Length: > 0 } version ? version.TrimStart('v') : null;
        return new DockerClient(parsed, options, fixedVersion) { ExtraHeaders = ReadHeaders() };
    }

    private Dictionary<string, string> ReadHeaders()
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (Config.Content["HttpHeaders"] is not System.Text.Json.Nodes.JsonObject configured) return headers;
        foreach (var (name, value) in configured)
        {
            // What names the client is not for a file to change, as docker has it.
            if (!name.Equals("User-Agent", StringComparison.OrdinalIgnoreCase) && value is not null) headers[name] = value.ToString();
        }
        return headers;
    }
}
