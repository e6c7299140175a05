using System.Text.Json;
using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>The flags of <c>wharf registry serve</c>, merged with its configuration file.</summary>
internal static class RegistryCommandLine
{
    public const string Usage = """
        Usage:  wharf registry serve [OPTIONS]

        Run a registry that keeps images for docker, wharf and every other client of the OCI distribution specification

        Options:
              --addr string       Address to serve (default 127.0.0.1:5000); [::]:5000 serves all addresses of the machine
              --config string     JSON configuration file: storage, TLS, users, quotas, mirrors, … (see docs/registry.md)
          -D, --debug             Log every request
              --htpasswd string   Users and their passwords (bcrypt); nobody else may do anything
              --root string       Where images are kept (default /var/lib/wharf-registry)
              --tls-cert string   Certificate chain (PEM); read again when it changes
              --tls-key string    The certificate's private key (PEM)
        """;

    public const string DefaultAddr = "127.0.0.1:5000", DefaultRoot = "/var/lib/wharf-registry";

    /// <summary>The merged configuration with address and root set, and whether to log every request.</summary>
    public static (RegistryConfig Config, bool Debug) Parse(IReadOnlyList<string> args)
    {
        var flags = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < args.Count; i++)
        {
            var (name, value) = args[i].IndexOf('=') is > 0 and var at && args[i].StartsWith("--", StringComparison.Ordinal) ? (args[i][..at], args[i][(at + 1)..]) : (args[i], null);
            if (name is "-D" or "--debug")
            {
                flags["--debug"] = "true";
                continue;
            }
            if (name is not ("--addr" or "--config" or "--root" or "--tls-cert" or "--tls-key" or "--htpasswd"))
                throw WharfException.Invalid(name.StartsWith('-') ? $"unknown flag: {name}" : $"\"wharf registry serve\" accepts no arguments: {name}");
            flags[name] = value ?? (++i < args.Count ? args[i] : throw WharfException.Invalid($"flag needs an argument: {name}"));
        }
        var config = flags.TryGetValue("--config", out var path) ? Read(path) : new RegistryConfig();
        if (flags.ContainsKey("--tls-cert") != flags.ContainsKey("--tls-key")) throw WharfException.Invalid("--tls-cert and --tls-key go together");
        config = config with { Addr = flags.GetValueOrDefault("--addr") ?? config.Addr ?? DefaultAddr, Root = flags.GetValueOrDefault("--root") ?? config.Root ?? DefaultRoot };
        if (flags.TryGetValue("--tls-cert", out var certificate)) config = config with { Tls = (config.Tls ?? new TlsConfig { Certificate = "", Key = "" }) with { Certificate = certificate, Key = flags["--tls-key"] } };
        if (flags.TryGetValue("--htpasswd", out var htpasswd)) config = config with { Auth = (config.Auth ?? new AuthConfig()) with { Htpasswd = htpasswd } };
        if (config.Storage.Type is not ("filesystem" or "s3" or "azure" or "memory")) throw WharfException.Invalid($"storage.type: \"{config.Storage.Type}\" is none of filesystem, memory, s3 and azure");
        return (config, flags.ContainsKey("--debug"));
    }

    public static RegistryConfig Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), RegistryConfigJson.Default.RegistryConfig) ?? throw WharfException.Invalid($"the configuration file {path} is empty");
        }
        catch (JsonException error) { throw WharfException.Invalid($"unable to configure the registry with file {path}: {error.Message}", error); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { throw WharfException.Invalid($"unable to configure the registry with file {path}: {error.Message}", error); }
    }
}
