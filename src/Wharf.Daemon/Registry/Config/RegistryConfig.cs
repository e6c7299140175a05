using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Config;

/// <summary>
/// The registry's configuration file, JSON with comments. docs/registry.md tells each key; what is left out has the default given here.
/// Durations are texts like 30s, 5m, 24h, 7d; sizes are bytes.
/// </summary>
public sealed record RegistryConfig
{
    [JsonPropertyName("addr")] public string? Addr { get; init; }
    [JsonPropertyName("root")] public string? Root { get; init; }
    [JsonPropertyName("storage")] public StorageConfig Storage { get; init; } = new();
    [JsonPropertyName("tls")] public TlsConfig? Tls { get; init; }
    [JsonPropertyName("auth")] public AuthConfig? Auth { get; init; }
    [JsonPropertyName("limits")] public LimitsConfig Limits { get; init; } = new();
    /// <summary>False refuses every deletion by the distribution API with 405.</summary>
    [JsonPropertyName("delete")] public bool Delete { get; init; } = true;
    [JsonPropertyName("read-only")] public bool ReadOnly { get; init; }
    [JsonPropertyName("immutable-tags")] public IReadOnlyList<TagRule> ImmutableTags { get; init; } = [];
    [JsonPropertyName("quotas")] public IReadOnlyList<QuotaRule> Quotas { get; init; } = [];
    [JsonPropertyName("collection")] public CollectionConfig Collection { get; init; } = new();
    [JsonPropertyName("retention")] public IReadOnlyList<RetentionRule> Retention { get; init; } = [];
    [JsonPropertyName("scrub")] public ScrubConfig Scrub { get; init; } = new();
    [JsonPropertyName("mirrors")] public IReadOnlyList<MirrorConfig> Mirrors { get; init; } = [];
    [JsonPropertyName("webhooks")] public IReadOnlyList<WebhookConfig> Webhooks { get; init; } = [];
    [JsonPropertyName("audit-log")] public string? AuditLog { get; init; }
    [JsonPropertyName("web")] public bool Web { get; init; } = true;
    /// <summary>Where metrics are served without a login; null serves them on the registry's own address to those who may administrate.</summary>
    [JsonPropertyName("metrics")] public bool Metrics { get; init; } = true;
}

public sealed record StorageConfig
{
    [JsonPropertyName("type")] public string Type { get; init; } = "filesystem";
    /// <summary>Whether an answered push outlasts a power cut.</summary>
    [JsonPropertyName("flush")] public bool Flush { get; init; } = true;
    [JsonPropertyName("endpoint")] public string? Endpoint { get; init; }
    [JsonPropertyName("region")] public string Region { get; init; } = "us-east-1";
    [JsonPropertyName("bucket")] public string? Bucket { get; init; }
    [JsonPropertyName("prefix")] public string Prefix { get; init; } = "";
    [JsonPropertyName("access-key")] public string? AccessKey { get; init; }
    [JsonPropertyName("secret-key")] public string? SecretKey { get; init; }
    [JsonPropertyName("secret-key-file")] public string? SecretKeyFile { get; init; }
    [JsonPropertyName("path-style")] public bool PathStyle { get; init; } = true;
    /// <summary>Sends pulls of blobs to the store itself by a signed URL.</summary>
    [JsonPropertyName("redirect")] public bool Redirect { get; init; }
}

public sealed record TlsConfig
{
    [JsonPropertyName("certificate")] public required string Certificate { get; init; }
    [JsonPropertyName("key")] public required string Key { get; init; }
    /// <summary>Client certificates signed by one of these are logins: their common name is the user.</summary>
    [JsonPropertyName("client-ca")] public string? ClientCa { get; init; }
    [JsonPropertyName("require-client-certificate")] public bool RequireClientCertificate { get; init; }
}

public sealed record AuthConfig
{
    [JsonPropertyName("realm")] public string Realm { get; init; } = "Wharf Registry";
    [JsonPropertyName("htpasswd")] public string? Htpasswd { get; init; }
    [JsonPropertyName("token")] public TokenConfig? Token { get; init; }
    [JsonPropertyName("admins")] public IReadOnlyList<string> Admins { get; init; } = [];
    /// <summary>Null lets every user do everything and everybody else nothing.</summary>
    [JsonPropertyName("policies")] public IReadOnlyList<PolicyRule>? Policies { get; init; }
    /// <summary>Failed logins an address may make before it has to wait.</summary>
    [JsonPropertyName("max-failures")] public int MaxFailures { get; init; } = 10;
    [JsonPropertyName("failure-window")] public string FailureWindow { get; init; } = "5m";
}

public sealed record TokenConfig
{
    /// <summary>The token service's URL, told to clients. Null: this registry's own.</summary>
    [JsonPropertyName("realm")] public string? Realm { get; init; }
    [JsonPropertyName("service")] public string Service { get; init; } = "wharf-registry";
    [JsonPropertyName("issuer")] public string Issuer { get; init; } = "wharf-registry";
    /// <summary>The built-in service's private key, PEM, EC P-256; made under the root when there is none.</summary>
    [JsonPropertyName("key")] public string? Key { get; init; }
    [JsonPropertyName("lifetime")] public string Lifetime { get; init; } = "5m";
    /// <summary>Keys of an external service: files or https URLs of JWKS documents.</summary>
    [JsonPropertyName("jwks")] public IReadOnlyList<string> Jwks { get; init; } = [];
    /// <summary>Certificates of an external service, PEM.</summary>
    [JsonPropertyName("certificates")] public string? Certificates { get; init; }
}

public sealed record PolicyRule
{
    [JsonPropertyName("repository")] public required string Repository { get; init; }
    /// <summary>User names, <c>anonymous</c> for nobody in particular, <c>*</c> for every user who has logged in.</summary>
    [JsonPropertyName("users")] public required IReadOnlyList<string> Users { get; init; }
    [JsonPropertyName("allow")] public required IReadOnlyList<string> Allow { get; init; }
}

public sealed record LimitsConfig
{
    [JsonPropertyName("max-manifest")] public long MaxManifest { get; init; } = 8L << 20;
    [JsonPropertyName("max-blob")] public long MaxBlob { get; init; } = 1L << 40;
    [JsonPropertyName("max-tag-page")] public int MaxTagPage { get; init; } = 100_000;
    [JsonPropertyName("manifest-cache")] public long ManifestCache { get; init; } = 16L << 20;
    [JsonPropertyName("upload-expiry")] public string UploadExpiry { get; init; } = "24h";
    /// <summary>Requests a second that one address (or user) may make on average; 0 does not limit.</summary>
    [JsonPropertyName("requests-per-second")] public int RequestsPerSecond { get; init; }
    [JsonPropertyName("burst")] public int Burst { get; init; } = 200;
    [JsonPropertyName("max-connections")] public int MaxConnections { get; init; } = 10_000;
}

public sealed record TagRule
{
    [JsonPropertyName("repository")] public required string Repository { get; init; }
    [JsonPropertyName("tags")] public string Tags { get; init; } = ".*";
}

public sealed record QuotaRule
{
    [JsonPropertyName("repository")] public required string Repository { get; init; }
    [JsonPropertyName("bytes")] public required long Bytes { get; init; }
}

public sealed record CollectionConfig
{
    [JsonPropertyName("interval")] public string Interval { get; init; } = "1h";
    /// <summary>How long a blob that nothing references is kept: a push may be under way that will.</summary>
    [JsonPropertyName("grace")] public string Grace { get; init; } = "1h";
    /// <summary>Removes manifests that no tag, index or subject leads to, this long after their push; null keeps them.</summary>
    [JsonPropertyName("untagged-after")] public string? UntaggedAfter { get; init; }
}

/// <summary>A tag is removed when no condition keeps it. Of several rules the first whose repository fits counts.</summary>
public sealed record RetentionRule
{
    [JsonPropertyName("repository")] public required string Repository { get; init; }
    [JsonPropertyName("keep-last")] public int? KeepLast { get; init; }
    [JsonPropertyName("keep-pushed-within")] public string? KeepPushedWithin { get; init; }
    [JsonPropertyName("keep-pulled-within")] public string? KeepPulledWithin { get; init; }
    [JsonPropertyName("keep-tags")] public string? KeepTags { get; init; }
}

public sealed record ScrubConfig
{
    /// <summary>How often all blobs are read and hashed again; null never.</summary>
    [JsonPropertyName("interval")] public string? Interval { get; init; }
}

public sealed record MirrorConfig
{
    /// <summary>Repositories under this prefix come from the upstream; empty for all.</summary>
    [JsonPropertyName("prefix")] public string Prefix { get; init; } = "";
    /// <summary>The upstream registry, <c>https://registry.example.com</c>.</summary>
    [JsonPropertyName("upstream")] public required string Upstream { get; init; }
    [JsonPropertyName("username")] public string? Username { get; init; }
    [JsonPropertyName("password-file")] public string? PasswordFile { get; init; }
    /// <summary>How long a tag is served before the upstream is asked again.</summary>
    [JsonPropertyName("ttl")] public string Ttl { get; init; } = "5m";
    /// <summary>Repositories of the upstream to copy on schedule.</summary>
    [JsonPropertyName("repositories")] public IReadOnlyList<MirroredRepository> Repositories { get; init; } = [];
    [JsonPropertyName("interval")] public string Interval { get; init; } = "6h";
}

public sealed record MirroredRepository
{
    [JsonPropertyName("name")] public required string Name { get; init; }
    [JsonPropertyName("tags")] public string Tags { get; init; } = ".*";
}

public sealed record WebhookConfig
{
    [JsonPropertyName("url")] public required string Url { get; init; }
    /// <summary>push, pull, delete, mount, quota, retention; empty for all but pull.</summary>
    [JsonPropertyName("events")] public IReadOnlyList<string> Events { get; init; } = [];
    /// <summary>Signs each body: header X-Wharf-Signature, sha256=HMAC in hex.</summary>
    [JsonPropertyName("secret")] public string? Secret { get; init; }
    [JsonPropertyName("headers")] public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(RegistryConfig))]
internal sealed partial class RegistryConfigJson : JsonSerializerContext;
