using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;

namespace Wharf.Cli;

/// <summary>Flags before the command's name, with what the environment adds.</summary>
internal sealed class GlobalOptions
{
    private readonly StringFlag config, context, logLevel;
    private readonly ListFlag host;
    private readonly BoolFlag tls, tlsVerify;
    private readonly StringFlag caFile, certificateFile, keyFile;
    private readonly Lazy<ConfigFile> configFile;
    private readonly Lazy<ContextStore> contexts;

    public GlobalOptions()
    {
        Flags = new FlagSet { Interspersed = false };
        var directory = ConfigFile.DefaultDirectory;
        var certificates = Environment.GetEnvironmentVariable("DOCKER_CERT_PATH") is { Length: > 0 } path ? path : directory;
        config = Flags.String("config", "Directory of the client's config files", directory);
        context = Flags.String("context", 'c', "Name of the context to use (overrides DOCKER_HOST and the one set with \"context use\")");
        Debug = Flags.Bool("debug", 'D', "Show more of what happens");
        host = Flags.List("host", 'H', "Socket of the daemon to talk to");
        logLevel = Flags.String("log-level", 'l', "Level of the client's own messages (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", "info");
        tls = Flags.Bool("tls", "Use TLS; --tlsverify implies it");
        caFile = Flags.String("tlscacert", "Trust only certificates signed by this CA", Path.Combine(certificates, "ca.pem"));
        certificateFile = Flags.String("tlscert", "TLS certificate of the client", Path.Combine(certificates, "cert.pem"));
        keyFile = Flags.String("tlskey", "TLS key of the client", Path.Combine(certificates, "key.pem"));
        tlsVerify = Flags.Bool("tlsverify", "Use TLS and verify the daemon");
        Version = Flags.Bool("version", 'v', "Print the version and quit");
        contexts = new Lazy<ContextStore>(() => new ContextStore(config.Value));
        configFile = new Lazy<ConfigFile>(() => new ConfigFile(config.Value));
    }

    public FlagSet Flags { get; }
    public BoolFlag Debug { get; }
    public BoolFlag Version { get; }
    public ConfigFile Config => configFile.Value;

    public ContextStore Contexts => contexts.Value;

    /// <summary>What <c>--log-level</c> says, when it is no level.</summary>
    public string? WrongLogLevel => logLevel.Value.ToLowerInvariant() is "panic" or "fatal" or "error" or "warn" or "warning" or "info" or "debug" or "trace" ? null : logLevel.Value;

    /// <summary>Whether a flag says which daemon, so that the environment does not.</summary>
    public bool ContextIsChosen => context.Value != "" || host.Values.Count > 0;

    /// <summary>The context in force, in docker's order: the flag; "default" when -H or DOCKER_HOST names a daemon; DOCKER_CONTEXT; config.json.</summary>
    public string CurrentContext => context.Value != "" ? context.Value
        : host.Values.Count > 0 || Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } ? ContextStore.Default
        : Environment.GetEnvironmentVariable("DOCKER_CONTEXT") is { Length: > 0 } named ? named
        : Config.CurrentContext ?? ContextStore.Default;

    /// <summary>The daemon of the context "default".</summary>
    public string DefaultHost
    {
        get
        {
            if (host.Values.Count > 1) throw new CliException("Failed to initialize: unable to resolve docker endpoint: Specify only one -H");
            return host.Values.Count == 1 ? host.Values[0] : Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } set ? set : DockerHost.OfOwnDaemon() ?? DockerHost.Default;
        }
    }

    public DockerClient CreateClient()
    {
        if (context.Value != "" && host.Values.Count > 0) throw new CliException("conflicting options: cannot specify both --host and --context");
        return CreateClient(Endpoint(CurrentContext));
    }

    /// <summary>A client of another engine than the one in force: that of a context, or at an address such as <c>ssh://me@host</c>.</summary>
    public DockerClient CreateClientOf(string contextOrAddress) =>
        CreateClient(contextOrAddress.Contains("://", StringComparison.Ordinal) ? (contextOrAddress, null) : Endpoint(contextOrAddress));

    /// <summary>The same with another context in force.</summary>
    public GlobalOptions Of(string contextName)
    {
        // What the flags of the command line say of the default context holds for it in either.
        if (contextName == CurrentContext) return this;
        var other = new GlobalOptions();
        other.config.Set(config.Value);
        other.context.Set(contextName);
        return other;
    }

    private DockerClient CreateClient((string Host, TlsOptions? Tls) endpoint)
    {
        var (text, tls) = endpoint;
        var fixedVersion = Environment.GetEnvironmentVariable("DOCKER_API_VERSION") is { Length: > 0 } version ? version.TrimStart('v') : null;
        return new DockerClient(ParseHost(text), tls, fixedVersion) { ExtraHeaders = ReadHeaders() };
    }

    private (string Host, TlsOptions? Tls) Endpoint(string name)
    {
        if (name != ContextStore.Default)
        {
            ContextDocument named;
            try
            {
                named = Contexts.Get(name);
            }
            catch (CliException e)
            {
                throw Unresolved(e.Message, e.ExitCode, e);
            }
            if (named.Docker.Host == "") return (DefaultHost, null);
            var directory = Path.Combine(Contexts.TlsPath(name), "docker");
            bool hasTls = named.Docker.SkipTLSVerify || Directory.Exists(directory);
            return (named.Docker.Host, hasTls && !named.Docker.Host.StartsWith("unix://", StringComparison.Ordinal)
                ? new TlsOptions(!named.Docker.SkipTLSVerify, Path.Combine(directory, "ca.pem"), Path.Combine(directory, "cert.pem"), Path.Combine(directory, "key.pem")) : null);
        }
        var verify = tlsVerify.Changed ? tlsVerify.Value : !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DOCKER_TLS_VERIFY"));
        var parsed = ParseHost(DefaultHost);
        var usesTls = parsed.SocketPath is null && parsed.SshTarget is null && (tls || verify || parsed.IsTls);
        if (usesTls && (verify || caFile.Changed) && !File.Exists(caFile.Value)) throw Unresolved($"open {caFile.Value}: no such file or directory", 1, null);
        return (DefaultHost, usesTls ? new TlsOptions(verify || !tls, caFile.Value, certificateFile.Value, keyFile.Value) : null);
    }

    private static DockerHost ParseHost(string text)
    {
        try
        {
            return DockerHost.Parse(text);
        }
        catch (CliException e)
        {
            throw Unresolved(e.Message, 1, e);
        }
    }

    private static CliException Unresolved(string why, int exitCode, Exception? inner) => new($"Failed to initialize: unable to resolve docker endpoint: {why}", exitCode, inner);

    /// <summary>The environment in which one of docker's plugins finds the same daemon.</summary>
    public Dictionary<string, string> PluginEnvironment()
    {
        var environment = new Dictionary<string, string>();
        if (CurrentContext != ContextStore.Default)
        {
            environment["DOCKER_CONTEXT"] = CurrentContext;
            return environment;
        }
        environment["DOCKER_HOST"] = DefaultHost;
        var (_, options) = Endpoint(CurrentContext);
        if (options is null) return environment;
        environment["DOCKER_CERT_PATH"] = Path.GetDirectoryName(options.CaFile) ?? "";
        if (options.Verify) environment["DOCKER_TLS_VERIFY"] = "1";
        return environment;
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
