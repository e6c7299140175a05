using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>
/// Solves a graph: each node once, as soon as its inputs are there, so that what does not depend on each other runs side by side.
/// A node whose key is in the cache is not run.
/// </summary>
internal sealed class BuildSolver(BuildParts parts, StepFlights flights)
{
    private readonly Dictionary<BuildNode, Task<NodeResult>> _running = [];
    /// <summary>A tar of nothing is two blocks of zeros.</summary>
    private const int EmptyTar = 1024;

    private readonly FileSteps _files = new(parts);

    /// <summary>Solves a node and all it needs. The first error ends the others.</summary>
    public async Task<NodeResult> SolveAsync(BuildNode target, CancellationToken cancellation)
    {
        using var failing = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var solving = Begin(target, failing);
        try
        {
            return await solving;
        }
        finally
        {
            await failing.CancelAsync();
            // Nothing of a build goes on after its answer.
            await Task.WhenAll(_running.Values.Select(static task => task.ContinueWith(static _ => { }, TaskScheduler.Default)));
        }
    }

    private Task<NodeResult> Begin(BuildNode node, CancellationTokenSource failing)
    {
        if (_running.TryGetValue(node, out var running)) return running;
        var inputs = node.Inputs.Distinct().ToDictionary(input => input, input => Begin(input, failing));
        return _running[node] = NodeAsync(node, inputs, failing);
    }

    private async Task<NodeResult> NodeAsync(BuildNode node, Dictionary<BuildNode, Task<NodeResult>> inputs, CancellationTokenSource failing)
    {
        try
        {
            await Task.WhenAll(inputs.Values);
            failing.Token.ThrowIfCancellationRequested();
            var results = inputs.ToDictionary(input => input.Key, input => input.Value.Result);
            node.Progress.Start();
            var result = await StepAsync(node, results, failing.Token);
            node.Progress.Complete(result);
            return result;
        }
        catch (Exception error)
        {
            // The build's own error is the first one; what it called off is only a consequence.
            await failing.CancelAsync();
            node.Progress.Fail(error);
            throw;
        }
    }

    private async Task<NodeResult> StepAsync(BuildNode node, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        if (node is BaseNode { Image: var image }) return new NodeResult(image?.Config.RootFs?.DiffIds ?? [], image?.ChainId) { Cached = true };
        var root = results[node switch { RunNode run => run.Root, CopyNode copy => copy.Root, DirectoryNode directory => directory.Root, _ => throw new InvalidOperationException(node.GetType().Name) }];
        var key = await KeyAsync(node, root, results, cancellation);
        // Two builds that come to the same step at once run it once.
        return await flights.RunAsync(key, async () =>
        {
            if (!node.NoCache && Find(key, root) is { } cached) return cached;
            // A step that changed nothing has a layer all the same, as docker's histories count them.
            var layer = await MakeAsync(node, root.ChainId, results, cancellation) ?? await parts.HeldAsync(async () => await parts.Snapshots.ApplyAsync(root.ChainId, null, new MemoryStream(new byte[EmptyTar], writable: false), cancellation));
            return Keep(key, node, root, layer);
        }, cancellation);
    }

    private Task<LayerInfo?> MakeAsync(BuildNode node, Digest? root, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation) => node switch
    {
        RunNode run => new RunStep(parts, run, root).RunAsync(results, cancellation),
        CopyNode copy => parts.HeldAsync(() => _files.CopyAsync(copy, root, copy.From is null ? null : results[copy.From].ChainId, cancellation)),
        DirectoryNode directory => parts.HeldAsync(() => _files.MakeDirectoryAsync(directory, root, cancellation)),
        _ => throw new InvalidOperationException(node.GetType().Name),
    };

    private NodeResult? Find(string key, NodeResult root)
    {
        if (parts.Cache.Find(key) is not { } step)
        {
            if (!parts.Request.Imported.TryGetValue(key, out step) || step.ParentChain != root.ChainId) return null;
            parts.Cache.Add(step);
        }
        parts.Request.Hold.Add(step.ChainId);
        if (step.ChainId is { } chain && !parts.Snapshots.Exists(chain))
        {
            parts.Cache.Remove(key);
            return null;
        }
        parts.Cache.Touch(key, DateTimeOffset.UtcNow);
        return Result(root, step.DiffId) with { Key = key, Cached = true, CreatedAt = step.CreatedAt };
    }

    private static NodeResult Result(NodeResult root, Digest? diffId) =>
        diffId is { } own ? new NodeResult([.. root.DiffIds, own], ChainId.Of(root.ChainId, own)) : root with { Empty = true, Cached = false };

    private NodeResult Keep(string key, BuildNode node, NodeResult root, LayerInfo? layer)
    {
        var now = DateTimeOffset.UtcNow;
        parts.Cache.Add(new CachedStep(key, root.ChainId, layer?.ChainId ?? root.ChainId, layer?.DiffId, layer?.Size ?? 0, "regular", node.Title, now, now, 0));
        return Result(root, layer?.DiffId) with { Key = key, CreatedAt = now };
    }

    /// <summary>A digest over what the step does, what it stands on, and the contents it reads.</summary>
    private async Task<string> KeyAsync(BuildNode node, NodeResult root, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        var text = new StringBuilder(node.Definition).Append('\n').Append(root.ChainId);
        if (node is CopyNode copy) text.Append('\n').Append(await SourcesDigestAsync(copy, results, cancellation));
        if (node is RunNode run)
        {
            foreach (var mount in run.Mounts.Where(mount => mount.Type == RunMountType.Bind))
                text.Append('\n').Append(mount.From is { } from ? results[from].ChainId.ToString() : await ContextDigestAsync(mount, cancellation));
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private async Task<string> ContextDigestAsync(RunMount mount, CancellationToken cancellation)
    {
        var context = await parts.Contexts.OpenAsync(mount.Context, cancellation);
        return await ContentDigest.OfAsync(context.Root, [mount.Source], [], context.Excluded, owners: true, cancellation);
    }

    private async Task<string> SourcesDigestAsync(CopyNode copy, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        var local = copy.Sources.Where(source => !copy.IsAdd || !AddStep.IsRemote(source)).ToList();
        var digest = "";
        if (local.Count > 0)
        {
            using var source = copy.From is null ? null : parts.Snapshots.OpenLayers(results[copy.From].ChainId);
            var context = source is null ? await parts.Contexts.OpenAsync(copy.Context, cancellation) : null;
            digest = await ContentDigest.OfAsync(source ?? context!.Root, local, copy.Excludes, context?.Excluded ?? new HashSet<string>(), owners: source is not null, cancellation);
        }
        foreach (var address in copy.Sources.Except(local))
        {
            if (copy.Checksum is { Length: > 0 }) continue;
            using var fetched = Linux.Fds.OpenAt.Open(await parts.FetchAsync(copy, address, cancellation), Linux.Fds.O.RDONLY | Linux.Fds.O.DIRECTORY);
            digest += await ContentDigest.OfAsync(fetched, ["."], [], new HashSet<string>(), owners: false, cancellation);
        }
        return digest;
    }
}
