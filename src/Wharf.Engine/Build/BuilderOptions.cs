namespace Wharf.Engine.Build;

/// <summary>How the daemon's configuration restricts builds (<c>builder</c> in docker's daemon.json).</summary>
public sealed record BuilderOptions
{
    /// <summary>Clients may allow steps the host's network.</summary>
    public bool HostNetwork { get; init; } = true;
    /// <summary>Clients may allow steps to run privileged.</summary>
    public bool Insecure { get; init; }
    /// <summary>Clients may allow steps devices of the host.</summary>
    public bool Device { get; init; } = true;
    /// <summary>The cache is kept within its bounds after builds.</summary>
    public bool CollectsGarbage { get; init; } = true;
    /// <summary>The rules of the collection that the configuration gives; null leaves <see cref="Caching.CollectionRules.ForDisk"/>.</summary>
    public IReadOnlyList<Caching.PruneRule>? Rules { get; init; }
}
