using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Build.Planning;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>Steps of the classic builder: it decides by its images which of them are to be done, so that the cache of steps has no say.</summary>
internal sealed partial class BuildSolver
{
    /// <summary>The layer of a step that changed nothing: a tar with nothing in it.</summary>
    private static readonly Digest EmptyLayer = Digest.OfBytes(new byte[EmptyTar]);

    private readonly Dictionary<BuildNode, (string Key, StepInputs Inputs)> _described = [];

    /// <summary>
    /// What the history says of a step before it is done: of files, the digest of what is copied; of a RUN with options that docker's classic builder does not
    /// know, those and what they bring in.
    /// </summary>
    public async Task<string> DescribeAsync(BuildNode node, string createdBy, CancellationToken cancellation)
    {
        var results = new Dictionary<BuildNode, NodeResult>();
        foreach (var input in node.Inputs.Distinct()) results[input] = await SolveAsync(input, cancellation);
        var (key, inputs, sources) = await KeyAsync(node, results[RootOf(node)], results, cancellation);
        _described[node] = (key, inputs);
        if (node is CopyNode copy) return createdBy.Replace(BuildPlanner.SourceMark, SourceName(copy, await KindAsync(copy, results, cancellation), sources), StringComparison.Ordinal);
        return node is RunNode { Instruction.Flags: { Count: > 0 } flags } ? $"{createdBy} # {string.Join(' ', flags)} {key}" : createdBy;
    }

    /// <summary>Says that a step is done and what it gave.</summary>
    public void Set(BuildNode node, NodeResult result)
    {
        var (key, inputs) = _described[node];
        parts.Fates[node] = new StepFate(key, Cached: true, inputs);
        _running[node] = Task.FromResult(result);
        node.Progress.Complete(result);
    }

    private async Task<NodeResult> MakeClassicAsync(BuildNode node, NodeResult root, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        var (key, inputs) = _described[node];
        parts.Fates[node] = new StepFate(key, Cached: false, inputs);
        var layer = await MakeAsync(node, root.ChainId, results, cancellation);
        return Result(root, layer is { } made && made.DiffId != EmptyLayer ? made.DiffId : null) with { Key = key, CreatedAt = DateTimeOffset.UtcNow };
    }

    private static string SourceName(CopyNode copy, string kind, string sources)
    {
        var text = new StringBuilder(sources);
        foreach (var (name, content) in copy.Inline) text.Append('\n').Append(name).Append('\n').Append(content);
        foreach (var flag in copy.Instruction.Flags) text.Append('\n').Append(flag);
        foreach (var address in copy.Sources.Where(AddStep.IsRemote)) text.Append('\n').Append(address);
        return $"{kind}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))}";
    }

    /// <summary><c>file</c>, <c>dir</c>, or <c>multi</c> for several.</summary>
    private async Task<string> KindAsync(CopyNode copy, Dictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        int count = copy.Inline.Count;
        bool isDirectory = false;
        using var source = copy.From is null ? null : parts.Snapshots.OpenLayers(results[copy.From].ChainId);
        var context = source is null ? await parts.Contexts.OpenAsync(copy.Context, cancellation) : null;
        foreach (var word in copy.Sources)
        {
            if (copy.IsAdd && AddStep.IsRemote(word))
            {
                count++;
                isDirectory = GitSource.IsGit(word);
                continue;
            }
            foreach (var found in CopySources.Find(source ?? context!.Root, word.Replace("/./", "/", StringComparison.Ordinal), context?.Excluded ?? new HashSet<string>(), copy.Parents))
            {
                using (found) isDirectory = found.IsDirectory;
                count++;
            }
        }
        return count != 1 ? "multi" : isDirectory ? "dir" : "file";
    }
}
