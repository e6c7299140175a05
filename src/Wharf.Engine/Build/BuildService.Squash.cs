using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>All that a build added to its base as one layer.</summary>
public sealed partial class BuildService
{
    private const string WhiteoutPrefix = ".wh.";
    private const int Deleted = 2;

    /// <summary>The same image with its own layers merged; what one of them made and another removed is in none. The base's layers stay.</summary>
    public async Task<SolvedTarget> SquashAsync(SolvedTarget target, CancellationToken cancellation)
    {
        int kept = target.Plan.Target.BaseImage?.Config.RootFs?.DiffIds.Count ?? 0;
        if (target.Root.DiffIds.Count <= kept + 1) return target;
        var below = ChainId.Of(target.Root.DiffIds.Take(kept));
        LayerInfo layer;
        using (_images.HoldLayersForStep())
        {
            layer = await Piped.RunAsync(output => WriteDifferenceAsync(below, target.Root.ChainId, output, cancellation), tar => _snapshots.ApplyAsync(below, null, tar, cancellation));
            target.Request.Hold.Add(layer.ChainId);
        }
        List<Digest> diffIds = [.. target.Root.DiffIds.Take(kept), layer.DiffId];
        int layers = 0;
        var history = target.Image.History?.ConvertAll(entry => entry.EmptyLayer == true || ++layers <= kept ? entry : entry with { EmptyLayer = true }) ?? [];
        history.Add(new HistoryEntry { Created = target.Image.Created, Comment = $"merge of {target.Root.DiffIds.Count - kept} layers" });
        return target with { Image = target.Image with { RootFs = new RootFs { DiffIds = diffIds }, History = history }, Root = new NodeResult(diffIds, layer.ChainId) { CreatedAt = target.Root.CreatedAt } };
    }

    private async Task WriteDifferenceAsync(Digest? from, Digest? to, Stream output, CancellationToken cancellation)
    {
        var differences = SnapshotService.Differences(_snapshots.LayerPaths(from), _snapshots.LayerPaths(to), cancellation);
        using var root = _snapshots.OpenLayers(to);
        var tar = new TarWriter(output);
        var wanted = "";
        var writer = new TreeWriter(tar, new TreeWriterOptions { MaxNameLength = _options.Limits.MaxTarNameLength, Admit = entry => entry.NameText.TrimEnd('/') == wanted });
        foreach (var difference in differences)
        {
            wanted = difference.Path.TrimStart('/');
            int slash = wanted.LastIndexOf('/');
            int fd = FileAt.OpenBeneath(root.Value, Encoding.UTF8.GetBytes(slash < 0 ? "." : wanted[..slash]), O.RDONLY | O.DIRECTORY, Resolve.NoSymlinks);
            // What was in a directory that is gone, or is something else now, needs no mark of its own.
            if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP) continue;
            using var parent = new Fd(FileAt.Check(fd, "openat2", Encoding.UTF8.GetBytes(wanted)));
            var name = wanted[(slash + 1)..];
            if (difference.Kind == Deleted) await tar.WriteEntryAsync(new TarEntry { Name = Encoding.UTF8.GetBytes($"{wanted[..(slash + 1)]}{WhiteoutPrefix}{name}"), Mode = 0x1a4 }, cancellation);
            else await writer.WriteNameAsync(parent, Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(wanted), cancellation);
        }
        await tar.FinishAsync(cancellation);
    }
}
