using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>A user's own password for one program, in place of the password: what it may do, the user may do. Only its hash is kept.</summary>
public sealed record ApiKey
{
    [JsonPropertyName("id")] public string Id { get; set; } = "";
    [JsonPropertyName("label")] public string Label { get; set; } = "";
    [JsonPropertyName("user")] public string User { get; set; } = "";
    [JsonPropertyName("groups")] public IReadOnlyList<string>? Groups { get; set; }
    [JsonPropertyName("hash")] public string Hash { get; set; } = "";
    [JsonPropertyName("created")] public DateTimeOffset Created { get; set; }
    [JsonPropertyName("expires")] public DateTimeOffset? Expires { get; set; }
    /// <summary>The key itself; told once, when it is made.</summary>
    [JsonPropertyName("key")] public string? Key { get; set; }
}

/// <summary>The keys of users, in the store.</summary>
internal sealed class ApiKeys(IObjectStore store)
{
    /// <summary>A key begins with this.</summary>
    public const string Prefix = "wak_";
    private const int IdLength = 16, SecretLength = 64, MaxKeys = 50, MaxLabel = 128;
    private static readonly TimeSpan DefaultLife = TimeSpan.FromDays(90), LongestLife = TimeSpan.FromDays(366);

    public async Task<ApiKey> CreateAsync(string user, IReadOnlyList<string>? groups, ApiKey wanted, CancellationToken cancellation)
    {
        var now = DateTimeOffset.UtcNow;
        if (wanted.Label.Length > MaxLabel || wanted.Label.Any(char.IsControl)) throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, $"a label has up to {MaxLabel} characters");
        var expires = wanted.Expires ?? now + DefaultLife;
        if (expires <= now || expires > now + LongestLife) throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, "a key lasts a year at most");
        if ((await ListAsync(user, cancellation)).Count >= MaxKeys) throw new RegistryException(RegistryErrorCode.Denied with { Status = 409 }, $"a user has up to {MaxKeys} keys");
        var (id, secret) = (Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdLength / 2)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretLength / 2)));
        var key = new ApiKey { Id = id, Label = wanted.Label, User = user, Groups = groups, Hash = SecretHash.Of(secret), Created = now, Expires = expires };
        await store.ApplyAsync([ObjectChange.Write(Keys.ApiKey(Owner(user), id), JsonSerializer.SerializeToUtf8Bytes(key, ApiKeyJson.Default.ApiKey))], cancellation);
        return key with { Hash = "", Key = Prefix + id + secret };
    }

    public async Task<IReadOnlyList<ApiKey>> ListAsync(string user, CancellationToken cancellation)
    {
        var list = new List<ApiKey>();
        await foreach (var entry in store.ListAsync(Keys.ApiKeys(Owner(user)), cancellation))
            if (await ReadAsync(entry.Key, cancellation) is { } key && key.User == user) list.Add(key with { Hash = "" });
        return list;
    }

    public async Task<bool> DeleteAsync(string user, string id, CancellationToken cancellation)
    {
        if (!IsId(id) || await ReadAsync(Keys.ApiKey(Owner(user), id), cancellation) is null) return false;
        await store.ApplyAsync([ObjectChange.Delete(Keys.ApiKey(Owner(user), id))], cancellation);
        return true;
    }

    /// <summary>The user's key that a password is; null when it is none, or its time is over.</summary>
    public async Task<ApiKey?> VerifyAsync(string user, string password, CancellationToken cancellation)
    {
        if (password.Length != Prefix.Length + IdLength + SecretLength || !password.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var (id, secret) = (password.Substring(Prefix.Length, IdLength), password[(Prefix.Length + IdLength)..]);
        if (!IsId(id) || await ReadAsync(Keys.ApiKey(Owner(user), id), cancellation) is not { } key || key.User != user) return null;
        return SecretHash.Fits(secret, key.Hash) && key.Expires > DateTimeOffset.UtcNow ? key : null;
    }

    private async Task<ApiKey?> ReadAsync(string key, CancellationToken cancellation) => await store.ReadAsync(key, 65536, cancellation) is { } bytes ? JsonSerializer.Deserialize(bytes, ApiKeyJson.Default.ApiKey) : null;

    private static bool IsId(string id) => id.Length == IdLength && id.All(char.IsAsciiHexDigitLower);

    // Users' names are of any letters: they are no part of a key of the store.
    private static string Owner(string user) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(user)));
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ApiKey))]
[JsonSerializable(typeof(IReadOnlyList<ApiKey>))]
internal sealed partial class ApiKeyJson : JsonSerializerContext;
