using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Caching;

/// <summary>A place that has the layers of cached steps: a registry, or a directory of the client.</summary>
public interface ICacheSource : IDisposable
{
    /// <summary>The place as its user named it.</summary>
    string Name { get; }

    /// <summary>Opens a blob. Whoever reads verifies.</summary>
    Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation);
}

/// <summary>A step's result that another daemon came to. Its layer is fetched when a build comes to the step, not before.</summary>
/// <param name="Blob">The layer as <paramref name="Source"/> has it; null with it where the layer is here if anywhere.</param>
public sealed record ImportedStep(Digest DiffId, Descriptor? Blob, ICacheSource? Source, string From, DateTimeOffset CreatedAt);
