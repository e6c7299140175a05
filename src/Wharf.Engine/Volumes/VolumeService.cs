using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Volumes;

/// <summary>Named and anonymous volumes of the local driver. A volume in use by a container cannot be removed (409).</summary>
public sealed partial class VolumeService
{
    /// <summary>Creates a volume, or gives the existing one of that name; a null name makes an anonymous one (64 hex digits).</summary>
    public Task<Volume> CreateAsync(VolumeCreateOptions options, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>NotFound <c>get NAME: no such volume</c>.</summary>
    public Task<Volume> GetAsync(string name, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Notes that a container uses the volume, or no longer does. Durable, idempotent.</summary>
    public void AddReference(string volume, string containerId) => throw new NotImplementedException();
    public void RemoveReferences(string containerId) => throw new NotImplementedException();

    /// <summary>With a container's removal (<c>-v</c>): removes those of its anonymous volumes that nothing else uses.</summary>
    public Task RemoveAnonymousAsync(IEnumerable<string> names, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Fills a volume that is still empty from the image's content at the mount point, owners and xattrs kept.</summary>
    public Task CopyUpAsync(string volume, Linux.Fds.Fd imageRoot, string path, CancellationToken cancellation) => throw new NotImplementedException();
}
