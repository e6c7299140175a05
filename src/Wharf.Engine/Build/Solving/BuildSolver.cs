using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>
/// Solves a graph: each node once, as soon as its inputs are there, so that what does not depend on each other runs side by side.
/// A node whose key is in the cache is not run.
/// </summary>
internal sealed partial class BuildSolver(BuildParts parts, StepFlights flights)
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
            // Nothing of a build goes on after its answer. Of steps that are done nothing is asked: a classic build comes here for each of its steps.
            if (_running.Values.Any(static task => !task.IsCompleted))
            {
                await failing.CancelAsync();
                await Task.WhenAll(_running.Values.Where(static task => !task.IsCompleted).Select(static task => task.ContinueWith(static _ => { }, TaskScheduler.Default)));
            }
        }
    }

    private Task<NodeResult> Begin(BuildNode node, CancellationTokenSource failing)
    {
        if (_running.TryGetValue(node, out var running)) return running;
        // Solved by another: stages of the classic builder have a solver each.
        if (node.Progress.Completed.IsCompletedSuccessfully) return node.Progress.Completed;
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
        var root = results[RootOf(node)];
        if (parts.Request.Classic) return await MakeClassicAsync(node, root, results, cancellation);
        var (key, inputs, _) = await KeyAsync(node, root, results, cancellation);
        // Two builds that come to the same step at once run it once.
        var result = await flights.RunAsync(key, async () =>
        {
            parts.Fates[node] = new StepFate(key, Cached: false, inputs);
            if (!node.NoCache && await FindAsync(key, node, root, cancellation) is { } cached) return cached;
            // A step that changed nothing has a layer all the same, as docker's histories count them.
            var layer = await MakeAsync(node, root.ChainId, results, cancellation) ?? await parts.HeldAsync(async () => await parts.Snapshots.ApplyAsync(root.ChainId, null, new MemoryStream(new byte[EmptyTar], writable: false), cancellation));
            return Keep(key, node, root, layer);
        }, cancellation);
        if (result.Cached) parts.Fates[node] = new StepFate(key, Cached: true, inputs);
        return result;
    }

    private static BuildNode RootOf(BuildNode node) => node switch { RunNode run => run.Root, CopyNode copy => copy.Root, DirectoryNode directory => directory.Root, _ => throw new InvalidOperationException(node.GetType().Name) };

    private Task<LayerInfo?> MakeAsync(BuildNode node, Digest? root, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation) => node switch
    {
        RunNode run => new RunStep(parts, run, root).RunAsync(results, cancellation),
        CopyNode copy => parts.HeldAsync(() => _files.CopyAsync(copy, root, copy.From is null ? null : results[copy.From].ChainId, cancellation)),
        DirectoryNode directory => parts.HeldAsync(() => _files.MakeDirectoryAsync(directory, root, cancellation)),
        _ => throw new InvalidOperationException(node.GetType().Name),
    };

    private async Task<NodeResult?> FindAsync(string key, BuildNode node, NodeResult root, CancellationToken cancellation)
    {
        if (parts.Cache.Find(key) is { } step)
        {
            parts.Request.Hold.Add(step.ChainId);
            if (step.ChainId is not { } chain || parts.Snapshots.Exists(chain))
            {
                parts.Touch(key);
                return Result(root, step.DiffId) with { Key = key, Cached = true, CreatedAt = step.CreatedAt };
            }
            parts.Cache.Remove(key);
        }
        return parts.Request.Imported.TryGetValue(key, out var imported) ? await BringAsync(key, node, root, imported, cancellation) : null;
    }

    /// <summary>A result that came from elsewhere, its layer fetched; null when it cannot be had, so that the step is run.</summary>
    private async Task<NodeResult?> BringAsync(string key, BuildNode node, NodeResult root, ImportedStep imported, CancellationToken cancellation)
    {
        var chain = ChainId.Of(root.ChainId, imported.DiffId);
        parts.Request.Hold.Add(chain);
        if (!parts.Snapshots.Exists(chain))
        {
            if (imported is not { Source: { } source, Blob: { } blob }) return null;
            try
            {
                await parts.HeldAsync(async () =>
                {
                    await using var content = await source.OpenAsync(blob.Digest, cancellation);
                    return await parts.Images.TakeLayerAsync(root.ChainId, imported.DiffId, blob, content, cancellation);
                });
            }
            catch (Exception error) when (error is Specs.Errors.WharfException or HttpRequestException or IOException)
            {
                await node.Progress.WriteAsync(2, Encoding.UTF8.GetBytes($"cached layer of {imported.From} could not be had, running the step: {error.Message}\n"), cancellation);
                return null;
            }
        }
        var now = DateTimeOffset.UtcNow;
        parts.Cache.Add(new CachedStep(key, root.ChainId, chain, imported.DiffId, parts.Snapshots.LayerSize(chain), "regular", node.Title, imported.CreatedAt, now, 1));
        return Result(root, imported.DiffId) with { Key = key, Cached = true, CreatedAt = imported.CreatedAt };
    }

    private static NodeResult Result(NodeResult root, Digest? diffId) =>
        diffId is { } own ? new NodeResult([.. root.DiffIds, own], ChainId.Of(root.ChainId, own)) : root with { Empty = true, Cached = false };

    private NodeResult Keep(string key, BuildNode node, NodeResult root, LayerInfo? layer)
    {
        var now = DateTimeOffset.UtcNow;
        parts.Cache.Add(new CachedStep(key, root.ChainId, layer?.ChainId ?? root.ChainId, layer?.DiffId, layer?.Size ?? 0, "regular", node.Title, now, now, 0));
        return Result(root, layer?.DiffId) with { Key = key, CreatedAt = now };
    }

    /// <summary>A digest over what the step does, what it stands on, and the contents it reads; and what of it a later build can compare.</summary>
    private async Task<(string Key, StepInputs Inputs, string Sources)> KeyAsync(BuildNode node, NodeResult root, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        var inputs = new StepInputs(node.Title);
        var text = new StringBuilder(node.Definition).Append('\n').Append(root.ChainId);
        inputs.Add("instruction", "", node is RunNode { Environment: var variables } ? Without(node.Definition, variables) : node.Definition);
        inputs.Add("below", "", root.ChainId.ToString() ?? "");
        var sources = node is CopyNode copy ? await SourcesDigestAsync(copy, results, inputs, cancellation) : "";
        if (node is CopyNode) text.Append('\n').Append(sources);
        if (node is RunNode run)
        {
            foreach (var variable in run.Environment) inputs.Add("variable", variable.Split('=', 2)[0], variable);
            foreach (var mount in run.Mounts.Where(mount => mount.Type == RunMountType.Bind))
                text.Append('\n').Append(mount.From is { } from ? FromDigest(from, results, inputs) : await ContextDigestAsync(mount, inputs, cancellation));
        }
        return (Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))), inputs, sources);
    }

    private static string Without(string definition, IReadOnlyList<string> variables)
    {
        foreach (var variable in variables) definition = definition.Replace($"env={variable}\n", "", StringComparison.Ordinal);
        return definition;
    }

    private static string FromDigest(BuildNode from, Dictionary<BuildNode, NodeResult> results, StepInputs inputs)
    {
        var digest = results[from].ChainId.ToString() ?? "";
        inputs.Add("from", from.StageName, digest);
        return digest;
    }

    private static string Noted(FilesDigest digest, StepInputs inputs)
    {
        // The first part of a name only tells which source word found it.
        foreach (var (path, mark) in digest.Files) inputs.Inputs.Add(new StepInput("file", path[(path.IndexOf('/') + 1)..], mark));
        return digest.Digest;
    }

    private async Task<string> ContextDigestAsync(RunMount mount, StepInputs inputs, CancellationToken cancellation)
    {
        var context = await parts.Contexts.OpenAsync(mount.Context, cancellation);
        return Noted(await ContentDigest.OfAsync(context.Root, [mount.Source], [], context.Excluded, owners: true, deep: false, strict: true, cancellation), inputs);
    }

    private async Task<string> SourcesDigestAsync(CopyNode copy, Dictionary<BuildNode, NodeResult> results, StepInputs inputs, CancellationToken cancellation)
    {
        var local = copy.Sources.Where(source => !copy.IsAdd || !AddStep.IsRemote(source)).ToList();
        var digest = "";
        if (local.Count > 0)
        {
            using var source = copy.From is null ? null : parts.Snapshots.OpenLayers(results[copy.From].ChainId);
            var context = source is null ? await parts.Contexts.OpenAsync(copy.Context, cancellation) : null;
            digest = Noted(await ContentDigest.OfAsync(source ?? context!.Root, local, copy.Excludes, context?.Excluded ?? new HashSet<string>(), owners: source is not null, copy.Parents, copy.IsClassic, cancellation), inputs);
        }
        foreach (var address in copy.Sources.Except(local))
        {
            if (copy.Checksum is { Length: > 0 }) continue;
            using var fetched = Linux.Fds.OpenAt.Open(await parts.FetchAsync(copy, address, cancellation), Linux.Fds.O.RDONLY | Linux.Fds.O.DIRECTORY);
            digest += Noted(await ContentDigest.OfAsync(fetched, ["."], [], new HashSet<string>(), owners: false, deep: false, strict: true, cancellation), inputs);
        }
        return digest;
    }
}
