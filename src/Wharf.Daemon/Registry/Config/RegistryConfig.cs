using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Config;

/// <summary>
/// The registry's configuration file, JSON with comments. docs/registry.md tells each key; what is left out has the default given here.
/// Durations are texts like 30s, 5m, 24h, 7d; sizes are bytes. Members have setters, as generated JSON code does not keep the defaults of init-only ones.
/// </summary>
public sealed record RegistryConfig
{
    [JsonPropertyName("addr")] public string? Addr { get; set; }
    [JsonPropertyName("root")] public string? Root { get; set; }
    [JsonPropertyName("storage")] public StorageConfig Storage { get; set; } = new();
    [JsonPropertyName("tls")] public TlsConfig? Tls { get; set; }
    [JsonPropertyName("auth")] public AuthConfig? Auth { get; set; }
    [JsonPropertyName("limits")] public LimitsConfig Limits { get; set; } = new();
    /// <summary>False refuses every deletion by the distribution API with 405.</summary>
    [JsonPropertyName("delete")] public bool Delete { get; set; } = true;
    [JsonPropertyName("read-only")] public bool ReadOnly { get; set; }
    [JsonPropertyName("immutable-tags")] public IReadOnlyList<TagRule> ImmutableTags { get; set; } = [];
    [JsonPropertyName("quotas")] public IReadOnlyList<QuotaRule> Quotas { get; set; } = [];
    [JsonPropertyName("collection")] public CollectionConfig Collection { get; set; } = new();
    [JsonPropertyName("retention")] public IReadOnlyList<RetentionRule> Retention { get; set; } = [];
    [JsonPropertyName("scrub")] public ScrubConfig Scrub { get; set; } = new();
    [JsonPropertyName("mirrors")] public IReadOnlyList<MirrorConfig> Mirrors { get; set; } = [];
    [JsonPropertyName("webhooks")] public IReadOnlyList<WebhookConfig> Webhooks { get; set; } = [];
    [JsonPropertyName("traces")] public TracesConfig? Traces { get; set; }
    [JsonPropertyName("trust")] public IReadOnlyList<TrustRule> Trust { get; set; } = [];
    [JsonPropertyName("vulnerabilities")] public VulnerabilitiesConfig? Vulnerabilities { get; set; }
    [JsonPropertyName("audit-log")] public string? AuditLog { get; set; }
    [JsonPropertyName("web")] public bool Web { get; set; } = true;
    /// <summary>Whether metrics are served, without a login.</summary>
    [JsonPropertyName("metrics")] public bool Metrics { get; set; } = true;
}

public sealed record StorageConfig
{
    [JsonPropertyName("type")] public string Type { get; set; } = "filesystem";
    /// <summary>Whether an answered push outlasts a power cut.</summary>
    [JsonPropertyName("flush")] public bool Flush { get; set; } = true;
    [JsonPropertyName("endpoint")] public string? Endpoint { get; set; }
    [JsonPropertyName("region")] public string Region { get; set; } = "us-east-1";
    [JsonPropertyName("bucket")] public string? Bucket { get; set; }
    [JsonPropertyName("prefix")] public string Prefix { get; set; } = "";
    [JsonPropertyName("access-key")] public string? AccessKey { get; set; }
    [JsonPropertyName("secret-key")] public string? SecretKey { get; set; }
    /// <summary>Of keys that AWS gives for a while.</summary>
    [JsonPropertyName("session-token")] public string? SessionToken { get; set; }
    [JsonPropertyName("secret-key-file")] public string? SecretKeyFile { get; set; }
    [JsonPropertyName("path-style")] public bool PathStyle { get; set; } = true;
    /// <summary>Sends pulls of blobs to the store itself by a signed URL.</summary>
    [JsonPropertyName("redirect")] public bool Redirect { get; set; }
}

public sealed record TlsConfig
{
    [JsonPropertyName("certificate")] public required string Certificate { get; set; }
    [JsonPropertyName("key")] public required string Key { get; set; }
    /// <summary>Client certificates signed by one of these are logins: their common name is the user.</summary>
    [JsonPropertyName("client-ca")] public string? ClientCa { get; set; }
    [JsonPropertyName("require-client-certificate")] public bool RequireClientCertificate { get; set; }
}

public sealed record AuthConfig
{
    [JsonPropertyName("realm")] public string Realm { get; set; } = "Wharf Registry";
    [JsonPropertyName("htpasswd")] public string? Htpasswd { get; set; }
    [JsonPropertyName("token")] public TokenConfig? Token { get; set; }
    [JsonPropertyName("oidc")] public IReadOnlyList<OidcConfig> Oidc { get; set; } = [];
    [JsonPropertyName("ldap")] public LdapConfig? Ldap { get; set; }
    [JsonPropertyName("admins")] public IReadOnlyList<string> Admins { get; set; } = [];
    /// <summary>Null lets every user do everything and everybody else nothing.</summary>
    [JsonPropertyName("policies")] public IReadOnlyList<PolicyRule>? Policies { get; set; }
    /// <summary>Failed logins an address may make before it has to wait.</summary>
    [JsonPropertyName("max-failures")] public int MaxFailures { get; set; } = 10;
    [JsonPropertyName("failure-window")] public string FailureWindow { get; set; } = "5m";
}

public sealed record TokenConfig
{
    /// <summary>The token service's URL, told to clients. Null: this registry's own.</summary>
    [JsonPropertyName("realm")] public string? Realm { get; set; }
    [JsonPropertyName("service")] public string Service { get; set; } = "wharf-registry";
    [JsonPropertyName("issuer")] public string Issuer { get; set; } = "wharf-registry";
    /// <summary>The built-in service's private key, PEM, EC P-256; made under the root when there is none.</summary>
    [JsonPropertyName("key")] public string? Key { get; set; }
    [JsonPropertyName("lifetime")] public string Lifetime { get; set; } = "5m";
    /// <summary>Keys of an external service: files or https URLs of JWKS documents.</summary>
    [JsonPropertyName("jwks")] public IReadOnlyList<string> Jwks { get; set; } = [];
    /// <summary>Certificates of an external service, PEM.</summary>
    [JsonPropertyName("certificates")] public string? Certificates { get; set; }
}

public sealed record PolicyRule
{
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    /// <summary>User names, <c>anonymous</c> for nobody in particular, <c>*</c> for every user who has logged in, <c>@group</c> for those of an OIDC group.</summary>
    [JsonPropertyName("users")] public required IReadOnlyList<string> Users { get; set; }
    [JsonPropertyName("allow")] public required IReadOnlyList<string> Allow { get; set; }
}

public sealed record LimitsConfig
{
    [JsonPropertyName("max-manifest")] public long MaxManifest { get; set; } = 8L << 20;
    [JsonPropertyName("max-blob")] public long MaxBlob { get; set; } = 1L << 40;
    [JsonPropertyName("max-tag-page")] public int MaxTagPage { get; set; } = 100_000;
    [JsonPropertyName("manifest-cache")] public long ManifestCache { get; set; } = 16L << 20;
    [JsonPropertyName("upload-expiry")] public string UploadExpiry { get; set; } = "24h";
    /// <summary>Requests a second that one address (or user) may make on average; 0 does not limit.</summary>
    [JsonPropertyName("requests-per-second")] public int RequestsPerSecond { get; set; }
    [JsonPropertyName("burst")] public int Burst { get; set; } = 200;
    [JsonPropertyName("max-connections")] public int MaxConnections { get; set; } = 10_000;
}

public sealed record TagRule
{
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    [JsonPropertyName("tags")] public string Tags { get; set; } = ".*";
}

public sealed record QuotaRule
{
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    [JsonPropertyName("bytes")] public required long Bytes { get; set; }
}

public sealed record CollectionConfig
{
    [JsonPropertyName("interval")] public string Interval { get; set; } = "1h";
    /// <summary>How long a blob that nothing references is kept: a push may be under way that will.</summary>
    [JsonPropertyName("grace")] public string Grace { get; set; } = "1h";
    /// <summary>Removes manifests that no tag, index or subject leads to, this long after their push; null keeps them.</summary>
    [JsonPropertyName("untagged-after")] public string? UntaggedAfter { get; set; }
}

/// <summary>A tag is removed when no condition keeps it. Of several rules the first whose repository fits counts.</summary>
public sealed record RetentionRule
{
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    [JsonPropertyName("keep-last")] public int? KeepLast { get; set; }
    [JsonPropertyName("keep-pushed-within")] public string? KeepPushedWithin { get; set; }
    [JsonPropertyName("keep-pulled-within")] public string? KeepPulledWithin { get; set; }
    [JsonPropertyName("keep-tags")] public string? KeepTags { get; set; }
}

public sealed record ScrubConfig
{
    /// <summary>How often all blobs are read and hashed again; null never.</summary>
    [JsonPropertyName("interval")] public string? Interval { get; set; }
}

public sealed record MirrorConfig
{
    /// <summary>Repositories under this prefix come from the upstream; empty for all.</summary>
    [JsonPropertyName("prefix")] public string Prefix { get; set; } = "";
    /// <summary>The upstream registry, <c>https://registry.example.com</c>.</summary>
    [JsonPropertyName("upstream")] public required string Upstream { get; set; }
    [JsonPropertyName("username")] public string? Username { get; set; }
    [JsonPropertyName("password-file")] public string? PasswordFile { get; set; }
    /// <summary>How long a tag is served before the upstream is asked again.</summary>
    [JsonPropertyName("ttl")] public string Ttl { get; set; } = "5m";
    /// <summary>Repositories of the upstream to copy on schedule.</summary>
    [JsonPropertyName("repositories")] public IReadOnlyList<MirroredRepository> Repositories { get; set; } = [];
    [JsonPropertyName("interval")] public string Interval { get; set; } = "6h";
}

public sealed record MirroredRepository
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("tags")] public string Tags { get; set; } = ".*";
}

public sealed record TracesConfig
{
    /// <summary>An OpenTelemetry collector's OTLP/HTTP address, <c>http://127.0.0.1:4318</c>.</summary>
    [JsonPropertyName("endpoint")] public required string Endpoint { get; set; }
    [JsonPropertyName("headers")] public IReadOnlyDictionary<string, string> Headers { get; set; } = new Dictionary<string, string>();
    [JsonPropertyName("service")] public string Service { get; set; } = "wharf-registry";
    /// <summary>The part of traces begun here that is kept; those of clients are kept as the client says.</summary>
    [JsonPropertyName("sample")] public double Sample { get; set; } = 1;
}

/// <summary>Whose signatures count in which repositories, and whether what has none may be pulled.</summary>
public sealed record TrustRule
{
    [JsonPropertyName("repository")] public required string Repository { get; set; }
    /// <summary>PEM files of public keys (cosign.pub).</summary>
    [JsonPropertyName("keys")] public IReadOnlyList<string> Keys { get; set; } = [];
    /// <summary>People and jobs whose short-lived certificates count, as cosign makes signatures without a key.</summary>
    [JsonPropertyName("keyless")] public IReadOnlyList<KeylessConfig> Keyless { get; set; } = [];
    /// <summary>Authorities of certificates that Notation signs with.</summary>
    [JsonPropertyName("notation")] public IReadOnlyList<NotationConfig> Notation { get; set; } = [];
    /// <summary>Only who may write there may pull what none of the keys signed.</summary>
    [JsonPropertyName("enforce")] public bool Enforce { get; set; } = true;
}

public sealed record KeylessConfig
{
    /// <summary>PEM; the certificates of Fulcio that leaf certificates are of.</summary>
    [JsonPropertyName("roots")] public required string Roots { get; set; }
    /// <summary>PEM; Rekor's public key, which says when a signature was made.</summary>
    [JsonPropertyName("rekor")] public required string Rekor { get; set; }
    /// <summary>Whose: a mail address or the URL of a workflow, with <c>*</c> for anything.</summary>
    [JsonPropertyName("identity")] public required string Identity { get; set; }
    /// <summary>The OpenID Connect issuer that told Fulcio who it was, exactly.</summary>
    [JsonPropertyName("issuer")] public required string Issuer { get; set; }
}

public sealed record NotationConfig
{
    /// <summary>PEM; the authorities the signing certificates are of.</summary>
    [JsonPropertyName("roots")] public required string Roots { get; set; }
    /// <summary>Parts that the certificate's subject must have, <c>CN=release,O=Example</c>; null for any.</summary>
    [JsonPropertyName("subject")] public string? Subject { get; set; }
}

/// <summary>What scans hold the packages of images against.</summary>
public sealed record VulnerabilitiesConfig
{
    /// <summary>Files or directories: the Debian security tracker's JSON, OSV records or zips of them, Alpine's secdb. They are read anew when they change.</summary>
    [JsonPropertyName("feeds")] public required IReadOnlyList<string> Feeds { get; set; }
}

public sealed record OidcConfig
{
    /// <summary>The issuer of ID tokens, an https URL.</summary>
    [JsonPropertyName("issuer")] public required string Issuer { get; set; }
    [JsonPropertyName("audience")] public required string Audience { get; set; }
    /// <summary>Keys: files or URLs of JWKS documents; empty asks the issuer's discovery document.</summary>
    [JsonPropertyName("jwks")] public IReadOnlyList<string> Jwks { get; set; } = [];
    [JsonPropertyName("user-claim")] public string UserClaim { get; set; } = "sub";
    [JsonPropertyName("groups-claim")] public string GroupsClaim { get; set; } = "groups";
    /// <summary>What stands before the claim in the user's name here, so that no issuer can name another's users.</summary>
    [JsonPropertyName("prefix")] public string Prefix { get; set; } = "oidc:";
    /// <summary>Lets people log in to the page at the issuer; the audience is the client's ID then.</summary>
    [JsonPropertyName("login")] public OidcLoginConfig? Login { get; set; }
}

public sealed record OidcLoginConfig
{
    /// <summary>What the page calls the issuer.</summary>
    [JsonPropertyName("label")] public required string Label { get; set; }
    /// <summary>Null for a public client, which PKCE alone protects.</summary>
    [JsonPropertyName("client-secret-file")] public string? ClientSecretFile { get; set; }
    [JsonPropertyName("scopes")] public IReadOnlyList<string> Scopes { get; set; } = ["openid"];
    /// <summary>As the issuer knows it; null for /login/callback under the address that the browser used.</summary>
    [JsonPropertyName("redirect-uri")] public string? RedirectUri { get; set; }
}

public sealed record LdapConfig
{
    /// <summary><c>ldaps://host[:636]</c>, or <c>ldap://host[:389]</c> on this machine or with start-tls.</summary>
    [JsonPropertyName("url")] public required string Url { get; set; }
    /// <summary>The user's entry, <c>uid={user},ou=people,dc=example,dc=org</c>.</summary>
    [JsonPropertyName("bind-dn")] public required string BindDn { get; set; }
    [JsonPropertyName("start-tls")] public bool StartTls { get; set; }
    /// <summary>PEM; the authorities the server's certificate may be of, in place of the system's.</summary>
    [JsonPropertyName("ca")] public string? Ca { get; set; }
}

public sealed record WebhookConfig
{
    [JsonPropertyName("url")] public required string Url { get; set; }
    /// <summary>push, pull, delete, mount, quota, retention; empty for all but pull.</summary>
    [JsonPropertyName("events")] public IReadOnlyList<string> Events { get; set; } = [];
    /// <summary>Signs each body: header X-Wharf-Signature, sha256=HMAC in hex.</summary>
    [JsonPropertyName("secret")] public string? Secret { get; set; }
    [JsonPropertyName("headers")] public IReadOnlyDictionary<string, string> Headers { get; set; } = new Dictionary<string, string>();
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = System.Text.Json.JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(RegistryConfig))]
internal sealed partial class RegistryConfigJson : JsonSerializerContext;
