using System.Buffers.Text;
using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>The token of a workflow's run: a JSON Web Token that says in <c>ac</c> which branches' caches it may read and write. The service verifies it.</summary>
internal sealed record ActionsToken(string Text, IReadOnlyList<string> Readable, string? Writable)
{
    private const int MayRead = 1, MayWrite = 2;

    public static ActionsToken Parse(string token, DateTimeOffset now)
    {
        try
        {
            if (token.Split('.') is not [_, var payload, _]) throw WharfException.Invalid("the token of the github actions cache is no JSON Web Token");
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload));
            if (!claims.RootElement.TryGetProperty("ac", out var access)) throw WharfException.Invalid("invalid token without access controls");
            if (claims.RootElement.TryGetProperty("exp", out var expires) && expires.TryGetDouble(out double seconds) && now.ToUnixTimeSeconds() > seconds) throw WharfException.Invalid($"cache token expired at {DateTimeOffset.FromUnixTimeSeconds((long)seconds):u}");
            using var scopes = JsonDocument.Parse(access.GetString() ?? "[]");
            var branches = scopes.RootElement.EnumerateArray().Select(static scope => (Name: scope.GetProperty("Scope").GetString() ?? "", Permission: scope.GetProperty("Permission").GetInt32())).ToList();
            return new ActionsToken(token, [.. branches.Where(static branch => (branch.Permission & MayRead) != 0).Select(static branch => branch.Name)], branches.LastOrDefault(static branch => (branch.Permission & MayWrite) != 0).Name);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            // What the parser says may quote the token.
            throw WharfException.Invalid("the token of the github actions cache cannot be read", error);
        }
    }
}
