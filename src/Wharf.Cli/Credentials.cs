using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli;

/// <summary>Names and passwords for registries: in config.json, or with a credential helper when it names one.</summary>
internal sealed class Credentials(ConfigFile config)
{
    public const string HubKey = "https://index.docker.io/v1/";

    /// <summary>Where docker keeps the tokens of a login in a browser, each as another registry's password.</summary>
    public const string HubAccessKey = HubKey + "access-token", HubRefreshKey = HubKey + "refresh-token";

    /// <summary>The key a registry's credentials are kept under.</summary>
    public static string Key(string registry) => registry is "docker.io" or "index.docker.io" or "registry-1.docker.io" ? HubKey : registry;

    /// <summary>The <c>X-Registry-Auth</c> header for a registry; anonymous when there is nothing for it.</summary>
    public async Task<string> HeaderAsync(string registry, CancellationToken cancellationToken)
        => Encode(await GetAsync(Key(registry), cancellationToken) ?? new AuthConfig());

    public static string Encode(AuthConfig auth)
        => Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(auth, DockerApiJson.Default.AuthConfig)).Replace('+', '-').Replace('/', '_');

    public async Task<AuthConfig?> GetAsync(string key, CancellationToken cancellationToken)
    {
        if (HelperFor(key) is { } helper) return await GetFromHelperAsync(helper, key, cancellationToken);
        if (config.Content["auths"] is not JsonObject all) return null;
        return Entry(all, key) is { } name && all[name] is JsonObject found ? Read(found, key) : null;
    }

    /// <summary>Every stored credential, for the build endpoint's <c>X-Registry-Config</c>.</summary>
    public async Task<string> AllAsync(CancellationToken cancellationToken)
    {
        var all = new JsonObject();
        var keys = (config.Content["auths"] as JsonObject ?? []).Select(pair => pair.Key).Union((config.Content["credHelpers"] as JsonObject ?? []).Select(pair => pair.Key));
        foreach (var key in keys.Where(key => !IsToken(key)))
        {
            if (await GetAsync(key, cancellationToken) is { } auth) all[key] = JsonSerializer.SerializeToNode(auth, DockerApiJson.Default.AuthConfig);
        }
        return Convert.ToBase64String(Encoding.UTF8.GetBytes(all.ToJsonString())).Replace('+', '-').Replace('/', '_');
    }

    public async Task StoreAsync(string key, AuthConfig auth, CancellationToken cancellationToken)
    {
        if (config.Content["auths"] is not JsonObject all) config.Content["auths"] = all = [];
        if (HelperFor(key) is { } helper)
        {
            var request = new JsonObject { ["ServerURL"] = key, ["Username"] = auth.IdentityToken is null ? auth.Username : "<token>", ["Secret"] = auth.IdentityToken ?? auth.Password };
            await RunHelperAsync(helper, "store", request.ToJsonString(), cancellationToken);
            all[key] = new JsonObject();
        }
        else
        {
            var entry = new JsonObject { ["auth"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{auth.Username}:{(auth.IdentityToken is null ? auth.Password : "")}")) };
            if (auth.IdentityToken is { } token) entry["identitytoken"] = token;
            all[key] = entry;
        }
        config.Save();
    }

    public async Task EraseAsync(string key, CancellationToken cancellationToken)
    {
        if (HelperFor(key) is { } helper) await RunHelperAsync(helper, "erase", key, cancellationToken);
        if (config.Content["auths"] is not JsonObject all) return;
        if (Entry(all, key) is { } name) all.Remove(name);
        config.Save();
    }

    public bool IsInHelper(string key) => HelperFor(key) is not null;

    private string? HelperFor(string key)
        => (config.Content["credHelpers"] as JsonObject)?[IsToken(key) && HelperNamed(HubKey) ? HubKey : HelperNamed(key) ? key : Host(key)]?.GetValue<string>() ?? (config.Content["credsStore"] is JsonValue store && store.GetValue<string>() is { Length: > 0 } name ? name : null);

    private bool HelperNamed(string key) => config.Content["credHelpers"] is JsonObject helpers && helpers.ContainsKey(key);

    /// <summary>Tokens are of no use to a registry, nor to a daemon: they go to the login service alone.</summary>
    private static bool IsToken(string key) => key is HubAccessKey or HubRefreshKey;

    /// <summary>The name of the entry for a key: its own, or that of another address of the same host.</summary>
    private static string? Entry(JsonObject all, string key)
        => all.ContainsKey(key) ? key : IsToken(key) ? null : all.FirstOrDefault(pair => !IsToken(pair.Key) && Host(pair.Key) == Host(key)).Key;

    /// <summary>Old entries are whole addresses: <c>https://registry/v1/</c>.</summary>
    private static string Host(string key)
    {
        var text = key.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? key[(at + 3)..] : key;
        return text.IndexOf('/') is >= 0 and var slash ? text[..slash] : text;
    }

    private static AuthConfig Read(JsonObject entry, string key)
    {
        var auth = new AuthConfig { Serveraddress = key, IdentityToken = entry["identitytoken"]?.GetValue<string>(), RegistryToken = entry["registrytoken"]?.GetValue<string>() };
        if (entry["auth"]?.GetValue<string>() is { Length: > 0 } encoded)
        {
            var pair = Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).Split(':', 2);
            auth.Username = pair[0];
            auth.Password = pair.Length == 2 ? pair[1].TrimEnd('\0') : "";
        }
        return auth;
    }

    private static async Task<AuthConfig?> GetFromHelperAsync(string helper, string key, CancellationToken cancellationToken)
    {
        var (exitCode, text) = await TryHelperAsync(helper, "get", key, cancellationToken);
        if (exitCode != 0) return text.Contains("credentials not found", StringComparison.Ordinal) ? null : throw new CliException($"error getting credentials - err: exit status {exitCode}, out: `{text.Trim()}`");
        var found = JsonNode.Parse(text);
        string? name = found?["Username"]?.GetValue<string>(), secret = found?["Secret"]?.GetValue<string>();
        return name == "<token>" ? new AuthConfig { Serveraddress = key, IdentityToken = secret } : new AuthConfig { Serveraddress = key, Username = name, Password = secret };
    }

    private static async Task RunHelperAsync(string helper, string verb, string input, CancellationToken cancellationToken)
    {
        var (exitCode, text) = await TryHelperAsync(helper, verb, input, cancellationToken);
        if (exitCode != 0) throw new CliException($"error {(verb == "store" ? "storing" : "erasing")} credentials - err: exit status {exitCode}, out: `{text.Trim()}`");
    }

    private static async Task<(int ExitCode, string Output)> TryHelperAsync(string helper, string verb, string input, CancellationToken cancellationToken)
    {
        if (helper.Contains('/')) throw new CliException($"invalid credential helper name {Output.Quoting.Quote(helper)}");
        try
        {
            using var process = Process.Start(new ProcessStartInfo($"docker-credential-{helper}", verb) { RedirectStandardInput = true, RedirectStandardOutput = true })
                ?? throw new CliException($"docker-credential-{helper} did not start");
            try
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It did not want its input; its exit code tells.
            }
            var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new CliException($"error getting credentials - err: exec: \"docker-credential-{helper}\": executable file not found in $PATH, out: ``", 1, e);
        }
    }
}
