using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>A login for a machine: a name, a secret that only its hash is kept of, what it may do, and until when.</summary>
public sealed record Robot
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("hash")] public string Hash { get; set; } = "";
    [JsonPropertyName("created")] public DateTimeOffset Created { get; set; }
    [JsonPropertyName("expires")] public DateTimeOffset? Expires { get; set; }
    [JsonPropertyName("by")] public string? By { get; set; }
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    [JsonPropertyName("allow")] public required IReadOnlyList<string> Allow { get; set; }
}

/// <summary>Robots live in the store, so that all processes of a registry know them.</summary>
internal sealed partial class Robots(IObjectStore store)
{
    /// <summary>The user name of a robot begins with this.</summary>
    public const string Prefix = "robot$";

    /// <summary>Makes a robot; returns its secret, which nobody can read again.</summary>
    public async Task<string> CreateAsync(Robot robot, CancellationToken cancellation)
    {
        if (!NamePattern().IsMatch(robot.Name)) throw new RegistryException(RegistryErrorCode.NameInvalid, "a robot's name is made of lower-case letters, digits and dashes, up to 63");
        _ = Policies.Parse(robot.Allow);
        _ = new RepositoryPattern(robot.Repository);
        if (await store.StatAsync(Keys.Robot(robot.Name), cancellation) is not null) throw new RegistryException(RegistryErrorCode.Denied with { Status = 409 }, $"there is a robot {robot.Name} already");
        var secret = "wrt_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var bytes = JsonSerializer.SerializeToUtf8Bytes(robot with { Hash = SecretHash.Of(secret), Created = DateTimeOffset.UtcNow }, RobotJson.Default.Robot);
        await store.ApplyAsync([ObjectChange.Write(Keys.Robot(robot.Name), bytes)], cancellation);
        return secret;
    }

    public async Task<Robot?> FindAsync(string name, CancellationToken cancellation) => NamePattern().IsMatch(name) && await store.ReadAsync(Keys.Robot(name), 65536, cancellation) is { } bytes
        ? JsonSerializer.Deserialize(bytes, RobotJson.Default.Robot) : null;

    public async Task<IReadOnlyList<Robot>> ListAsync(CancellationToken cancellation)
    {
        var list = new List<Robot>();
        await foreach (var entry in store.ListAsync(Keys.Robots, cancellation))
            if (await FindAsync(entry.Key[Keys.Robots.Length..], cancellation) is { } robot) list.Add(robot with { Hash = "" });
        return list;
    }

    public async Task<bool> DeleteAsync(string name, CancellationToken cancellation)
    {
        if (await FindAsync(name, cancellation) is null) return false;
        await store.ApplyAsync([ObjectChange.Delete(Keys.Robot(name))], cancellation);
        return true;
    }

    /// <summary>The robot a user name and secret belong to; null when they do not fit or its time is over.</summary>
    public async Task<Robot?> VerifyAsync(string user, string secret, CancellationToken cancellation)
    {
        if (!user.StartsWith(Prefix, StringComparison.Ordinal) || await FindAsync(user[Prefix.Length..], cancellation) is not { } robot) return null;
        return SecretHash.Fits(secret, robot.Hash) && (robot.Expires is null || robot.Expires > DateTimeOffset.UtcNow) ? robot : null;
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.CultureInvariant)] private static partial Regex NamePattern();
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Robot))]
[JsonSerializable(typeof(List<Robot>))]
internal sealed partial class RobotJson : JsonSerializerContext;
