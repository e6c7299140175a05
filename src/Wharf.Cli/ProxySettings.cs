using System.Text.Json.Nodes;

namespace Wharf.Cli;

/// <summary>config.json's <c>proxies</c>: variables that containers and builds get unless they were given others. By the daemon's address, or <c>default</c>.</summary>
internal static class ProxySettings
{
    private static readonly (string Setting, string Variable)[] Known =
        [("httpProxy", "HTTP_PROXY"), ("httpsProxy", "HTTPS_PROXY"), ("noProxy", "NO_PROXY"), ("ftpProxy", "FTP_PROXY"), ("allProxy", "ALL_PROXY")];

    /// <summary>The variables, in upper and lower case, that are not among <paramref name="given"/> (texts as <c>NAME</c> or <c>NAME=value</c>).</summary>
    public static IEnumerable<KeyValuePair<string, string>> Missing(ConfigFile config, string daemon, IEnumerable<string> given)
    {
        if (config.Content["proxies"] is not JsonObject all || (all[daemon] ?? all["default"]) is not JsonObject proxies) yield break;
        var names = given.Select(text => text.Split('=', 2)[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var (setting, variable) in Known)
        {
            if (proxies[setting] is not JsonValue value || !value.TryGetValue<string>(out var proxy) || proxy == "") continue;
            foreach (var name in (string[])[variable, variable.ToLowerInvariant()])
                if (names.Add(name)) yield return new(name, proxy);
        }
    }
}
