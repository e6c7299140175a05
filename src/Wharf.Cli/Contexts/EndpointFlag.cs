using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Contexts;

/// <summary>What <c>--docker host=…,ca=…,cert=…,key=…,skip-tls-verify=…,from=…</c> says.</summary>
internal static class EndpointFlag
{
    public static Dictionary<string, string> Parse(string text)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!part.Contains('=')) throw new FormatException($"{part} must be formatted as key=value");
            var (key, value) = KeyValue.Split(part);
            settings[key] = value;
        }
        return settings;
    }

    /// <summary>Fills the endpoint of a context and gives its TLS files.</summary>
    public static Dictionary<string, byte[]> Apply(Dictionary<string, string> settings, ContextDocument context, ContextStore store, GlobalOptions current)
    {
        foreach (var key in settings.Keys)
            if (key is not ("host" or "ca" or "cert" or "key" or "skip-tls-verify" or "from")) throw new CliException($"unable to create docker endpoint config: unrecognized config key: {key}");
        if (settings.TryGetValue("from", out var from))
        {
            if (from == ContextStore.Default)
            {
                context.Docker.Host = current.DefaultHost;
                return [];
            }
            var source = store.Get(from);
            (context.Docker.Host, context.Docker.SkipTLSVerify) = (source.Docker.Host, source.Docker.SkipTLSVerify);
            return store.Tls(from);
        }
        context.Docker.Host = settings.GetValueOrDefault("host", "");
        if (settings.TryGetValue("skip-tls-verify", out var skip))
            context.Docker.SkipTLSVerify = bool.TryParse(skip, out bool yes) ? yes : skip is "1" or "0" ? skip == "1" : throw new CliException($"unable to create docker endpoint config: strconv.ParseBool: parsing {Output.Quoting.Quote(skip)}: invalid syntax");
        var files = new Dictionary<string, byte[]>();
        foreach (var (key, name) in (ReadOnlySpan<(string, string)>)[("ca", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")])
        {
            if (!settings.TryGetValue(key, out var path) || path == "") continue;
            if (!File.Exists(path)) throw new CliException($"unable to create docker endpoint config: open {path}: no such file or directory");
            files[name] = File.ReadAllBytes(path);
        }
        return files;
    }
}
