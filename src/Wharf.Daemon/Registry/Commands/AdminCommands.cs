using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Wharf.Daemon.Registry.Api;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Commands for a wharf registry's administrators: <c>prune</c>, <c>robot</c>, <c>htpasswd</c>.</summary>
internal static class AdminCommands
{
    private const int HtpasswdCost = 10;

    public static async Task<int> PruneAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var host = arguments.Exactly(1, "wharf registry prune HOST [--grace DURATION]")[0];
        var grace = arguments.One("--grace");
        if (grace is not null) ConfigText.Duration(grace, "--grace");
        var body = await SendAsync(arguments, credentials, host, HttpMethod.Post, "/api/collect" + (grace is null ? "" : $"?grace={grace}"), null, HttpStatusCode.OK);
        var result = JsonSerializer.Deserialize(body, AdminJson.Default.CollectAnswer)!;
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Removed {result.Tags} tags, {result.Manifests} manifests, {result.Blobs} blobs, {result.Uploads} uploads\nTotal reclaimed space: {result.Bytes}B"));
        return 0;
    }

    public static async Task<int> RobotAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        switch (arguments.Words)
        {
            case ["create", var host, var name]:
                var robot = new Robot
                {
                    Name = name, Repository = arguments.One("--repository") ?? throw WharfException.Invalid("--repository PATTERN is missing: which repositories the robot is for"),
                    Allow = arguments.All("--allow") is { Count: > 0 } allow ? [.. allow.SelectMany(text => text.Split(','))] : ["read"],
                    Expires = arguments.One("--expires") is { } text ? DateTimeOffset.UtcNow + ConfigText.Duration(text, "--expires") : null,
                };
                var body = await SendAsync(arguments, credentials, host, HttpMethod.Post, "/api/robots", JsonSerializer.SerializeToUtf8Bytes(robot, RobotJson.Default.Robot), HttpStatusCode.Created);
                var secret = JsonSerializer.Deserialize(body, AdminJson.Default.RobotSecret)!;
                Console.Out.WriteLine($"user:     {secret.User}\npassword: {secret.Secret}");
                return 0;
            case ["ls", var host]:
                foreach (var one in JsonSerializer.Deserialize(await SendAsync(arguments, credentials, host, HttpMethod.Get, "/api/robots", null, HttpStatusCode.OK), RobotJson.Default.ListRobot)!)
                    Console.Out.WriteLine($"{one.Name}\t{one.Repository}\t{string.Join(',', one.Allow)}\t{(one.Expires is { } until ? until.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) : "never expires")}");
                return 0;
            case ["rm", var host, var name]:
                await SendAsync(arguments, credentials, host, HttpMethod.Delete, "/api/robots/" + Uri.EscapeDataString(name), null, HttpStatusCode.NoContent);
                Console.Out.WriteLine(name);
                return 0;
            default:
                throw WharfException.Invalid("expected: wharf registry robot create HOST NAME --repository PATTERN [--allow read,write,delete] [--expires 30d] | ls HOST | rm HOST NAME");
        }
    }

    public static async Task<int> KeyAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        switch (arguments.Words)
        {
            case ["create", var host]:
                var wanted = new ApiKey { Label = arguments.One("--label") ?? "", Expires = arguments.One("--expires") is { } text ? DateTimeOffset.UtcNow + ConfigText.Duration(text, "--expires") : null };
                var made = JsonSerializer.Deserialize(await SendAsync(arguments, credentials, host, HttpMethod.Post, "/api/keys", JsonSerializer.SerializeToUtf8Bytes(wanted, ApiKeyJson.Default.ApiKey), HttpStatusCode.Created), ApiKeyJson.Default.ApiKey)!;
                Console.Out.WriteLine($"user:     {made.User}\npassword: {made.Key}");
                return 0;
            case ["ls", var host]:
                foreach (var one in JsonSerializer.Deserialize(await SendAsync(arguments, credentials, host, HttpMethod.Get, "/api/keys", null, HttpStatusCode.OK), ApiKeyJson.Default.IReadOnlyListApiKey)!)
                    Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Id}\t{one.Label}\t{one.Expires:yyyy-MM-ddTHH:mm:ssZ}"));
                return 0;
            case ["rm", var host, var id]:
                await SendAsync(arguments, credentials, host, HttpMethod.Delete, "/api/keys/" + Uri.EscapeDataString(id), null, HttpStatusCode.NoContent);
                Console.Out.WriteLine(id);
                return 0;
            default:
                throw WharfException.Invalid("expected: wharf registry key create HOST [--label TEXT] [--expires 90d] | ls HOST | rm HOST ID");
        }
    }

    /// <summary>Reads a password from standard input and prints the user's line.</summary>
    public static int Htpasswd(RegistryArguments arguments)
    {
        var user = arguments.Exactly(1, "wharf registry htpasswd USER < PASSWORD")[0];
        if (user.Contains(':') || user.StartsWith('#')) throw WharfException.Invalid("a user's name has no colon and does not begin with #");
        var password = Console.In.ReadLine() ?? "";
        if (password == "") throw WharfException.Invalid("no password on standard input");
        // bcrypt looks at 72 bytes: what comes after would be no part of the password.
        if (Encoding.UTF8.GetByteCount(password) > 72) throw WharfException.Invalid("passwords are limited to 72 bytes");
        Console.Out.WriteLine($"{user}:{PasswordHash.Make(password, HtpasswdCost)}");
        return 0;
    }

    private static async Task<byte[]> SendAsync(RegistryArguments arguments, CredentialLookup credentials, string host, HttpMethod method, string path, byte[]? body, HttpStatusCode expected)
    {
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectHostAsync(host, CancellationToken.None);
        var (status, answer) = await client.RequestAsync(method, path, body, CancellationToken.None);
        return status == expected ? answer : throw Refused(status, answer);
    }

    /// <summary>What the registry said of a refused request.</summary>
    public static WharfException Refused(HttpStatusCode status, byte[] body)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, RegistryErrorJson.Default.ErrorDocument)?.Errors is [var error, ..]) return new WharfException(ErrorKind.Forbidden, $"{error.Code}: {error.Message}");
        }
        catch (JsonException) { /* no error document: the status must do */ }
        return WharfException.Unavailable(status == HttpStatusCode.NotFound ? "the registry does not have this API: it is no wharf registry" : $"the registry answers {(int)status}");
    }
}
