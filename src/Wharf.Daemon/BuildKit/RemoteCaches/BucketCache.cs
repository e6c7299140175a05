using System.Globalization;
using Wharf.Daemon.Registry.Azure;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.S3;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Containers;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>A cache in a bucket of S3 or a container of Azure, through the clients that the registry has for its storage.</summary>
internal sealed class BucketCache : RemoteCache
{
    private static readonly TimeSpan TouchRefresh = TimeSpan.FromHours(24);

    private readonly CachePlace _place;
    private readonly BucketClient _client;
    private readonly BucketStore _store;
    private readonly string _blobs, _manifests;
    private readonly TimeSpan _refresh;

    private BucketCache(CachePlace place, BucketClient client, BucketStore store, string blobs, string manifests) : base(place.Text)
    {
        (_place, _client, _store, _blobs, _manifests) = (place, client, store, blobs, manifests);
        _refresh = place.Given("touch_refresh") is { } text && ContainerFilters.TryDuration(text, out var given) ? given : TouchRefresh;
        Parallelism = place.Given("upload_parallelism") is not { } number ? base.Parallelism
            : int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 ? count : throw WharfException.Invalid("upload_parallelism must be a positive integer");
    }

    protected override int Parallelism { get; }

    public static BucketCache OpenS3(CachePlace place)
    {
        var endpoint = place.Given("endpoint_url");
        var config = new StorageConfig
        {
            Bucket = place.Given("bucket", "AWS_BUCKET") ?? throw WharfException.Invalid("bucket ($AWS_BUCKET) not set for s3 cache"),
            Region = place.Given("region", "AWS_REGION") ?? throw WharfException.Invalid("region ($AWS_REGION) not set for s3 cache"),
            Endpoint = Checked("endpoint_url", endpoint), PathStyle = endpoint is not null && place.Flag("use_path_style"),
            AccessKey = place.Given("access_key_id", "AWS_ACCESS_KEY_ID") ?? throw WharfException.Invalid("access_key_id ($AWS_ACCESS_KEY_ID) not set for s3 cache"),
            SecretKey = place.Given("secret_access_key", "AWS_SECRET_ACCESS_KEY") ?? throw WharfException.Invalid("secret_access_key ($AWS_SECRET_ACCESS_KEY) not set for s3 cache"),
            SessionToken = place.Given("session_token", place.Given("access_key_id") is null ? "AWS_SESSION_TOKEN" : null),
        };
        // Nothing comes between the parts of a name that the client did not write.
        var client = new S3Client(config);
        return new BucketCache(place, client, new S3ObjectStore(client, config), place["prefix"] + (place.Given("blobs_prefix") ?? "blobs/"), place["prefix"] + (place.Given("manifests_prefix") ?? "manifests/"));
    }

    public static BucketCache OpenAzure(CachePlace place)
    {
        var url = Checked("account_url", place.Given("account_url", "BUILDKIT_AZURE_STORAGE_ACCOUNT_URL")) ?? throw WharfException.Invalid("either ${BUILDKIT_AZURE_STORAGE_ACCOUNT_URL} or account_url attribute is required for azblob cache");
        var config = new StorageConfig
        {
            Endpoint = url, AccessKey = place.Given("account_name", "BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME") ?? new Uri(url).Host.Split('.')[0],
            Bucket = place.Given("container", "BUILDKIT_AZURE_STORAGE_CONTAINER") ?? "buildkit-cache",
            SecretKey = place.Given("secret_access_key") ?? throw WharfException.Invalid("secret_access_key not set for azblob cache"),
        };
        var client = new AzureClient(config);
        var prefix = place.Given("prefix", "BUILDKIT_AZURE_STORAGE_PREFIX") ?? "";
        return new BucketCache(place, client, new AzureObjectStore(client, config), Joined(prefix, place.Given("blobs_prefix") ?? "blobs"), Joined(prefix, place.Given("manifests_prefix") ?? "manifests"));
    }

    /// <summary>Directories one below the other, with a slash at the end.</summary>
    private static string Joined(params string[] parts) => string.Concat(parts.SelectMany(static part => part.Split('/', StringSplitOptions.RemoveEmptyEntries)).Select(static part => part + "/"));

    private static string? Checked(string key, string? url) => url is null || (Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https") ? url : throw WharfException.Invalid($"{key} is no http or https URL");

    private string[] Names => (_place.Given("name") ?? DefaultName).Split(';', StringSplitOptions.RemoveEmptyEntries);

    public override async Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation) =>
        await _store.OpenReadAsync(_blobs + blob, 0, null, cancellation) ?? throw WharfException.NotFound($"{Name}: blob {blob} not found");

    public override Task<byte[]?> ReadDocumentAsync(CancellationToken cancellation) => _store.ReadAsync(_manifests + Names[0], MaxDocument, cancellation);

    /// <summary>What was written long ago counts as not there: written again, it outlives a rule of the store's that lets old objects go.</summary>
    protected override async Task<bool> HasAsync(Digest blob, CancellationToken cancellation) => await _store.StatAsync(_blobs + blob, cancellation) is { } found && DateTimeOffset.UtcNow - found.Modified < _refresh;

    protected override Task PrepareAsync(CancellationToken cancellation) => _client is AzureClient azure ? azure.CreateContainerAsync(cancellation) : Task.CompletedTask;

    protected override Task WriteBlobAsync(Descriptor blob, string path, CancellationToken cancellation) => _store.PutRangeAsync(path, 0, blob.Size, _blobs + blob.Digest, cancellation);

    protected override Task WriteDocumentAsync(byte[] document, CancellationToken cancellation) => _store.ApplyAsync([.. Names.Select(name => ObjectChange.Write(_manifests + name, document))], cancellation);

    public override void Dispose() => _client.Dispose();
}
