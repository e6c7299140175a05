using System.Globalization;
using Wharf.Engine.Build;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>The options of the front end <c>dockerfile.v0</c>, which travel as a flat map of strings.</summary>
internal sealed class FrontendOptions(IReadOnlyDictionary<string, string> options)
{
    /// <summary>Where to import caches from, in JSON with the credentials for it.</summary>
    public const string CacheImports = "cache-imports";

    public string this[string key] => options.TryGetValue(key, out var value) ? value : "";

    public bool Has(string key) => options.ContainsKey(key);

    /// <summary>Options that begin so, by the rest of their name.</summary>
    public Dictionary<string, string> Under(string prefix) =>
        options.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value, StringComparer.Ordinal);

    /// <summary>The options as a build's record and its provenance keep them: without the names and passwords of addresses, and without the caches to import and their credentials.</summary>
    public IEnumerable<KeyValuePair<string, string>> Recorded() => options.Where(static pair => pair.Key != CacheImports).Select(static pair => KeyValuePair.Create(pair.Key, RemoteAddress.Redacted(pair.Value)));

    public Dictionary<string, string?> Arguments => Under("build-arg:").ToDictionary(pair => pair.Key, pair => (string?)pair.Value, StringComparer.Ordinal);

    public string FileName => this["filename"] is { Length: > 0 } name ? name : "Dockerfile";

    /// <summary>What to build for; one null when it was not said.</summary>
    public List<Platform?> Platforms => this["platform"] is { Length: > 0 } text
        ? [.. text.Split(',').Select(name => (Platform?)Engine.Images.Platforms.Parse(name.Trim())).DistinctBy(platform => Engine.Images.Platforms.Describe(platform!))] : [null];

    public bool MultiPlatform => Platforms.Count > 1 || this["multi-platform"] is "true" or "1";

    /// <summary>Everything anew; stages by name only when some are named.</summary>
    public bool NoCache => Has("no-cache") && this["no-cache"].Length == 0;

    public IReadOnlyList<string> NoCacheStages => this["no-cache"] is { Length: > 0 } names ? names.Split(',') : [];

    /// <summary>BuildKit's words and, beyond them, the policies of <c>wharf build --pull</c>.</summary>
    public BasePull Pull => PullOf(this["image-resolve-mode"]);

    public static BasePull PullOf(string mode) => mode switch { "pull" => BasePull.Always, "newer" => BasePull.Newer, "never" => BasePull.Never, _ => BasePull.Missing };

    /// <summary>What steps run with.</summary>
    public HostConfig RunConfig => new()
    {
        NetworkMode = this["force-network-mode"] switch { "" or "sandbox" or "default" => null, "host" => "host", "none" => "none", var other => throw WharfException.Invalid($"invalid netmode {other}") },
        ExtraHosts = this["add-hosts"] is { Length: > 0 } hosts ? [.. hosts.Split(',').Select(host => host.Split('=', 2) is [var name, var address] ? $"{name}:{address}" : throw WharfException.Invalid($"invalid host {host}"))] : null,
        ShmSize = this["shm-size"] is { Length: > 0 } size ? Number(size, "shm-size") : null,
        CgroupParent = this["cgroup-parent"] is { Length: > 0 } parent ? parent : null,
        Ulimits = this["ulimit"] is { Length: > 0 } limits ? [.. limits.Split(',').Select(Ulimit)] : null,
        // What BuildKit's front end does not know: limits of each step.
        Memory = Optional("memory"), MemorySwap = Optional("memory-swap"), CpuShares = Optional("cpu-shares"), CpuPeriod = Optional("cpu-period"), CpuQuota = Optional("cpu-quota"),
        CpusetCpus = this["cpuset-cpus"] is { Length: > 0 } cpus ? cpus : null, CpusetMems = this["cpuset-mems"] is { Length: > 0 } mems ? mems : null,
        SecurityOpt = this["security-opt"] is { Length: > 0 } options ? [.. options.Split(',')] : null,
    };

    private long? Optional(string key) => this[key] is { Length: > 0 } text ? Number(text, key) : null;

    private static HostConfigUlimits Ulimit(string text)
    {
        if (text.Split('=', 2) is not [var name, var values]) throw WharfException.Invalid($"invalid ulimit: {text}");
        var parts = values.Split(':');
        return new HostConfigUlimits { Name = name, Soft = (int)Number(parts[0], "ulimit"), Hard = (int)Number(parts[^1], "ulimit") };
    }

    private static long Number(string text, string key) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : throw WharfException.Invalid($"invalid value for {key}: {text}");
}
