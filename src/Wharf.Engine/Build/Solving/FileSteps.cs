using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>COPY, ADD and WORKDIR as layers.</summary>
internal sealed class FileSteps(BuildParts parts)
{
    private static readonly IReadOnlySet<string> Nothing = new HashSet<string>();

    /// <summary>Makes a directory; null when it is there.</summary>
    public async Task<LayerInfo?> MakeDirectoryAsync(DirectoryNode node, Digest? root, CancellationToken cancellation)
    {
        using var below = parts.Snapshots.OpenLayers(root);
        var destination = new Destination(below);
        if (!IsMissing(destination, node.Path)) return null;
        return await ApplyAsync(root, async output =>
        {
            var tar = new TarWriter(output);
            var (uid, gid) = CopyStep.OwnerOf(node.Owner, isClassic: false, below, parts.Options.Limits) ?? (0, 0);
            await destination.WriteDirectoryAsync(tar, node.Path, new NewDirectory(0x1ed, uid, gid, parts.Now), cancellation);
            await tar.FinishAsync(cancellation);
        }, cancellation);
    }

    private bool IsMissing(Destination destination, string path)
    {
        try { return destination.Resolve(path).Missing.Length > 0; }
        catch (WharfException error) when (error.Kind == ErrorKind.InvalidArgument && !parts.Request.Classic) { throw WharfException.Invalid($"mkdir {path}: not a directory", error); }
    }

    public async Task<LayerInfo?> CopyAsync(CopyNode node, Digest? root, Digest? from, CancellationToken cancellation)
    {
        using var source = node.From is null ? null : parts.Snapshots.OpenLayers(from);
        var context = node.From is null ? await parts.Contexts.OpenAsync(node.Context, cancellation) : null;
        var excluded = context?.Excluded ?? Nothing;
        var at = source ?? context!.Root;
        if (node.IsAdd && (node.Sources.Any(AddStep.IsRemote) || await HoldsArchiveAsync(node, at, excluded, cancellation))) return await AddAsync(node, root, at, excluded, cancellation);
        using var below = parts.Snapshots.OpenLayers(root);
        var step = new CopyStep(node, at, excluded, below, parts.Now, parts.Options.Limits);
        return await ApplyAsync(root, output => step.WriteAsync(output, cancellation), cancellation);
    }

    private async Task<bool> HoldsArchiveAsync(CopyNode node, Fd source, IReadOnlySet<string> excluded, CancellationToken cancellation)
    {
        if (node.Unpack == false) return false;
        foreach (var word in node.Sources)
        {
            foreach (var found in CopySources.Find(source, word, excluded, strict: node.IsClassic))
                using (found) if (await AddStep.IsArchiveAsync(found, parts.Options.Limits, cancellation)) return true;
        }
        return false;
    }

    /// <summary>ADD with something to unpack or fetch: put together in a writable layer, word by word, in their order.</summary>
    private async Task<LayerInfo?> AddAsync(CopyNode node, Digest? root, Fd source, IReadOnlySet<string> excluded, CancellationToken cancellation)
    {
        var key = BuildService.WritablePrefix + Guid.NewGuid().ToString("n");
        await parts.Snapshots.CreateWritableAsync(key, root, cancellation);
        try
        {
            using (var target = parts.Snapshots.OpenRoot(key))
            {
                foreach (var word in node.Sources) await AddWordAsync(node, word, target, source, excluded, cancellation);
                if (node.Inline.Count > 0) await CopyIntoAsync(node, [], target, source, excluded, cancellation);
            }
            if (parts.Snapshots.Changes(key).Count == 0) return null;
            return await ApplyAsync(root, output => parts.Snapshots.WriteChangesTarAsync(key, output, cancellation), cancellation);
        }
        finally
        {
            await parts.Snapshots.RemoveWritableAsync(key, CancellationToken.None);
        }
    }

    private async Task AddWordAsync(CopyNode node, string word, Fd target, Fd source, IReadOnlySet<string> excluded, CancellationToken cancellation)
    {
        if (AddStep.IsRemote(word))
        {
            var directory = await parts.FetchAsync(node, word, cancellation);
            using var fetched = OpenAt.Open(directory, O.RDONLY | O.DIRECTORY);
            if (GitSource.IsGit(word))
            {
                await CopyIntoAsync(node, ["."], target, fetched, Nothing, cancellation);
                return;
            }
            var file = Path.GetFileName(Directory.EnumerateFiles(directory).Single());
            if (node.Unpack != true) await CopyIntoAsync(node, [file], target, fetched, Nothing, cancellation);
            else foreach (var found in CopySources.Find(fetched, file, Nothing)) using (found) await UnpackAsync(node, found, target, cancellation);
            return;
        }
        foreach (var found in CopySources.Find(source, word, excluded, strict: node.IsClassic))
        {
            using (found)
            {
                if (await AddStep.IsArchiveAsync(found, parts.Options.Limits, cancellation)) await UnpackAsync(node, found, target, cancellation);
                else await CopyIntoAsync(node, [found.Path], target, source, excluded, cancellation);
            }
        }
    }

    /// <summary>Copies words into the writable root: the layer a COPY would give, extracted there.</summary>
    private async Task CopyIntoAsync(CopyNode node, IReadOnlyList<string> words, Fd target, Fd source, IReadOnlySet<string> excluded, CancellationToken cancellation)
    {
        var part = new CopyNode
        {
            Title = node.Title, Instruction = node.Instruction, StageName = node.StageName, Root = node.Root, From = node.From, Sources = words, Inline = words.Count == 0 ? node.Inline : [],
            Destination = node.Destination, Owner = node.Owner, Mode = node.Mode, Link = node.Link, Parents = node.Parents, Excludes = node.Excludes, IsClassic = node.IsClassic,
        };
        var step = new CopyStep(part, source, excluded, target, parts.Now, parts.Options.Limits);
        await Piped.RunAsync(output => step.WriteAsync(output, cancellation), tar => ArchiveService.ExtractAsync(target, "/", tar, new ArchiveExtractOptions(), cancellation));
    }

    private async Task UnpackAsync(CopyNode node, CopySource found, Fd target, CancellationToken cancellation)
    {
        var directory = node.Destination.TrimEnd('/');
        // The classic builder's --chown is not for what is unpacked.
        var owner = node.IsClassic ? null : CopyStep.OwnerOf(node.Owner, isClassic: false, target, parts.Options.Limits);
        await Piped.RunAsync(async output =>
        {
            var tar = new TarWriter(output);
            await new Destination(target).WriteDirectoryAsync(tar, directory, new NewDirectory(0x1ed, owner?.Uid ?? 0, owner?.Gid ?? 0, parts.Now), cancellation);
            await tar.FinishAsync(cancellation);
        }, tar => ArchiveService.ExtractAsync(target, "/", tar, new ArchiveExtractOptions(), cancellation));
        await using var archive = AddStep.Open(found);
        await ArchiveService.ExtractAsync(target, directory.Length == 0 ? "/" : directory, archive, new ArchiveExtractOptions { CopyUidGid = owner is not null, Uid = owner?.Uid, Gid = owner?.Gid }, cancellation);
    }

    private Task<LayerInfo> ApplyAsync(Digest? root, Func<Stream, Task> write, CancellationToken cancellation) => Piped.RunAsync(write, tar => parts.Snapshots.ApplyAsync(root, null, tar, cancellation));
}
