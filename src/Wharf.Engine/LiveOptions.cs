namespace Wharf.Engine;

/// <summary>The options that may change while the daemon runs: SIGHUP reads them anew, as dockerd does.</summary>
internal sealed record LiveOptions
{
    public bool Debug { get; init; }
    public IReadOnlyList<string> Labels { get; init; } = [];
    public IReadOnlyList<string> InsecureRegistries { get; init; } = [];
    public IReadOnlyList<string> BlockedRegistries { get; init; } = [];
    public IReadOnlyList<string> AllowedRegistries { get; init; } = [];
    public Images.Trust.TrustPolicy? TrustPolicy { get; init; }
    public IReadOnlyList<string> RegistryMirrors { get; init; } = [];
    public int MaxConcurrentDownloads { get; init; } = 3;
    public int MaxConcurrentUploads { get; init; } = 5;
    public int MaxDownloadAttempts { get; init; } = 5;
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Runtimes { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
    public IReadOnlyList<string> AuthorizationPlugins { get; init; } = [];
    public string DefaultRuntime { get; init; } = Containers.Config.HostConfigDefaults.Runtime;
    public long DefaultShmSize { get; init; } = Containers.Config.HostConfigDefaults.ShmSize;
    public int ShutdownTimeout { get; init; } = 15;
    public int DefaultStopTimeout { get; init; } = 10;
    public Images.Collection.ImageCollection ImageCollection { get; init; } = new();
    public IReadOnlyList<string> LogPrograms { get; init; } = [];
}
