using System.Globalization;
using Wharf.Engine.Containers.Config;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    private string DroppedPathOf(Container container) => Path.Combine(DirectoryOf(container.Id), "log-dropped");

    /// <summary>Where a container's log goes, what it takes on disk, and how many lines of its last run a non-blocking driver had to drop.</summary>
    public async Task<ContainerLogUse> LogUseAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        var use = new ContainerLogUse { Driver = container.HostConfig.LogConfig?.Type ?? "", DroppedLines = await DroppedLinesAsync(container, cancellation) };
        if (LogRules.Readable(container.HostConfig.LogConfig, DirectoryOf(container.Id), container.Id) is not { } log) return use;
        use.Path = log.Path;
        var (directory, name) = (Path.GetDirectoryName(log.Path)!, Path.GetFileName(log.Path));
        if (!Directory.Exists(directory)) return use;
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles(name + "*"))
        {
            if (file.Name.EndsWith(".generation", StringComparison.Ordinal)) continue;
            use.Files++;
            use.Bytes += file.Length;
        }
        return use;
    }

    private async Task<long> DroppedLinesAsync(Container container, CancellationToken cancellation)
    {
        if (container.State.HasProcess)
        {
            var known = await _shim.SendAsync(new ShimRequest { List = new ListRequest() }, cancellation);
            return known.Containers?.Find(entry => entry.Id == container.Id && entry.ExecId is null)?.DroppedLines ?? 0;
        }
        return File.Exists(DroppedPathOf(container)) ? long.Parse(await File.ReadAllTextAsync(DroppedPathOf(container), cancellation), CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>Keeps the count beyond the run, whose shim forgets it.</summary>
    private void NoteDropped(Container container, long? lines)
    {
        if (lines is { } count) File.WriteAllText(DroppedPathOf(container), count.ToString(CultureInfo.InvariantCulture));
        else File.Delete(DroppedPathOf(container));
    }
}
