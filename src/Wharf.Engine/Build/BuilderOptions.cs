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

    /// <summary>A size of the configuration, such as <c>20GB</c>; 0 for none. InvalidArgument when it is no size.</summary>
    public static long ParseSize(string key, string? text) => text is not { Length: > 0 } or "0" ? 0 : Containers.Config.LogRules.ParseSize(text) ?? throw Specs.Errors.WharfException.Invalid($"builder.gc.{key}: invalid size \"{text}\"");
}
