using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Images: resolving, listing, making, tagging and removing them. Pull, push, load and save are parts of this class by verb.</summary>
public sealed partial class ImageService
{
    /// <summary>Finds an image by name, name@digest, ID or unique ID prefix; NotFound <c>No such image: NAME</c> as docker says it.</summary>
    public Task<ImageRecord> GetAsync(string nameOrId, Platform? platform, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Stores an image made here (commit, build, import): its config as given, one manifest over layers already applied.</summary>
    public Task<ImageRecord> CreateAsync(OciImage config, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Points a name at an image, moving it from another if need be; publishes the tag event.</summary>
    public Task TagAsync(Digest imageId, string name, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>How many images there are.</summary>
    public Task<int> CountAsync(CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Pulls an image; progress messages have the Engine API's form.</summary>
    public Task<ImageRecord> PullAsync(string name, Platform? platform, AuthConfig? auth, IProgress<CreateImageInfo> progress, CancellationToken cancellation) => throw new NotImplementedException();
}

/// <summary>An image as the rest of the engine needs it.</summary>
public sealed record ImageRecord(Digest Id, OciImage Config, IReadOnlyList<string> RepoTags, IReadOnlyList<string> RepoDigests)
{
    /// <summary>The stack of layers a container starts from; null for an image without layers.</summary>
    public Digest? ChainId { get; } = Snapshots.ChainId.Of(Config.RootFs?.DiffIds ?? []);
}
