using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>The ID of a container by name, ID or unique prefix; null when there is none.</summary>
    public string? TryFindId(string nameOrId) => _index.Find(nameOrId)?.Id;

    /// <summary>The layer stacks of images that containers mount.</summary>
    public IEnumerable<Digest> MountedChains() => _index.All().SelectMany(static container => container.Document.Mounts).Where(static point => point is { Type: "image", Source.Length: > 0 }).Select(static point => Digest.Parse(point.Source!));

    /// <summary>The artifacts that containers mount.</summary>
    public IEnumerable<(string Container, Digest Manifest)> MountedArtifacts() => _index.All().SelectMany(static container => container.Document.Mounts.Where(static point => point is { Type: "artifact", Source.Length: > 0 }).Select(point => (container.Id, Digest.Parse(point.Source!))));

    /// <summary>The containers made from an image, and whether they are up: what keeps the image from being removed.</summary>
    public IReadOnlyList<(string ContainerId, bool Running)> UsersOf(Digest imageId)
    {
        var id = imageId.ToString();
        return [.. _index.All().Where(container => container.Document.ImageId == id).Select(container => (container.Id, container.State.IsUp))];
    }
}
