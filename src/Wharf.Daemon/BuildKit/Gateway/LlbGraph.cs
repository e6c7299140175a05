using System.Security.Cryptography;
using System.Text.Json;
using Google.Protobuf;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Daemon.Api;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>A context of a build as its graph shows it: what it is called, and where it comes from.</summary>
internal sealed record ContextSource(string Title, string Identifier)
{
    public IReadOnlyList<string>? Paths { get; init; }
}

/// <summary>
/// A plan as BuildKit's graph, for clients that walk it: an operation for each step with its name and its place in the Dockerfile. An operation's digest names its step
/// everywhere: in the graph, in the progress, in errors, and when the client asks for the step's file system alone.
/// </summary>
internal sealed class LlbGraph
{
    /// <summary>The operation's description that names the result it was given out with.</summary>
    private const string ResultMark = "wharf.result";
    private const string NameMark = "llb.customname", CommandMark = "com.docker.dockerfile.v1.command";

    private sealed record Step(BuildNode Node, Op Operation, ByteString Bytes, string Name)
    {
        public string? Command { get; init; }
        public List<Instruction> Places { get; } = [];
    }

    private readonly Dictionary<BuildNode, string?> _digests = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Step> _steps = new(StringComparer.Ordinal);
    /// <summary>The digests of the steps, inputs before what needs them.</summary>
    private readonly List<string> _order = [];
    private readonly Dictionary<string, BuildNode> _contextNodes = new(StringComparer.Ordinal);
    private readonly Func<string, ContextSource> _contexts;
    private readonly BaseNode _nothing;

    /// <param name="withPlatform">The build is for several platforms: names tell which.</param>
    /// <param name="contexts">Describes a context by name.</param>
    public LlbGraph(BuildPlan plan, bool withPlatform, Func<string, ContextSource> contexts)
    {
        (Plan, _contexts) = (plan, contexts);
        Names = StepNames.Of(plan, withPlatform);
        _nothing = new BaseNode { Title = "FROM scratch", Instruction = plan.Target.Stage.From, StageName = "" };
        var operations = new LlbOperations(this);
        foreach (var node in plan.Nodes) _digests[node] = node is BaseNode { Image: null } ? null : Take(node, operations.Of(node));
        // An image that several stages begin with is one operation: the last of them counts first.
        foreach (var stage in plan.Stages.Reverse())
            if (stage.Steps is [{ Root: BaseNode { Image: not null } root, Instruction: var from }, ..] && _digests.GetValueOrDefault(root) is { } digest && !_steps[digest].Places.Contains(from)) _steps[digest].Places.Add(from);
        foreach (var (node, digest) in _digests)
            if (digest is not null && _steps[digest] is { Places: { Count: 0 } places } step && step.Node == node && Names.ContainsKey(node)) places.Add(node.Instruction);
    }

    public BuildPlan Plan { get; }

    /// <summary>What the plan's steps are called.</summary>
    public IReadOnlyDictionary<BuildNode, string> Names { get; }

    /// <summary>The digest of a step's operation; null for a step that is nothing (<c>FROM scratch</c>).</summary>
    public string? DigestOf(BuildNode node) => _digests.GetValueOrDefault(node);

    /// <summary>The operation of a step.</summary>
    public Op? OperationOf(BuildNode node) => DigestOf(node) is { } digest ? _steps[digest].Operation : null;

    /// <summary>The step that an operation's digest names; null when it is none of these.</summary>
    public BuildNode? Find(string digest) => _steps.GetValueOrDefault(digest)?.Node;

    private string Take(BuildNode node, Op operation, string? name = null)
    {
        var bytes = Bytes(operation);
        var digest = DigestOf(bytes);
        // A step of the same operation is the same step.
        if (!_steps.ContainsKey(digest)) _order.Add(digest);
        _steps.TryAdd(digest, new Step(node, operation, bytes, name ?? Names.GetValueOrDefault(node) ?? node.Title) { Command = node switch { RunNode => node.Title, BaseNode => node.Instruction.Text, _ => null } });
        return digest;
    }

    /// <summary>What BuildKit has as a step of its own and a plan has not, as something that can be built: files copied onto nothing.</summary>
    private BuildNode Extra(Op operation, string name, Func<CopyNode> make)
    {
        if (Find(DigestOf(Bytes(operation))) is { } known) return known;
        var node = make();
        _digests[node] = Take(node, operation, name);
        return node;
    }

    /// <summary>A context, or what of it the build reads.</summary>
    public BuildNode Context(string name)
    {
        if (_contextNodes.TryGetValue(name, out var known)) return known;
        var source = _contexts(name);
        var operation = new Op { Source = new SourceOp { Identifier = source.Identifier } };
        if (source.Paths is { Count: > 0 } paths) operation.Source.Attrs["local.followpaths"] = JsonSerializer.Serialize([.. paths], BuildJson.Default.ListString);
        return _contextNodes[name] = Extra(operation, source.Title, () => new CopyNode
        {
            Title = source.Title, Instruction = Plan.Target.Stage.From, StageName = "", Root = _nothing, Context = name, Sources = ["/"], Inline = [], Destination = "/", Excludes = [],
        });
    }

    /// <summary>What an ADD fetches.</summary>
    public BuildNode Remote(CopyNode add, string address)
    {
        var operation = new Op { Source = new SourceOp { Identifier = address } };
        if (add.Checksum is { Length: > 0 } checksum) operation.Source.Attrs[GitSource.IsGit(address) ? "git.checksum" : "http.checksum"] = checksum;
        else if (add.KeepGitDirectory) operation.Source.Attrs["git.keepgitdir"] = "true";
        return Extra(operation, RemoteAddress.Redacted(address), () => new CopyNode
        {
            Title = add.Title, Instruction = add.Instruction, StageName = "", Root = _nothing, Sources = [address], Inline = [], Destination = "/", Excludes = [], IsAdd = true, Unpack = false, Checksum = add.Checksum, KeepGitDirectory = add.KeepGitDirectory,
        });
    }

    /// <summary>Here-documents of an instruction.</summary>
    public BuildNode Documents(BuildNode node, IReadOnlyList<(string Name, string Content)> documents)
    {
        const string Title = "[internal] preparing inline document";
        return Extra(LlbOperations.Files(documents), Title, () => new CopyNode
        {
            Title = Title, Instruction = node.Instruction, StageName = "", Root = _nothing, Sources = [], Inline = documents, Destination = "/", Excludes = [],
        });
    }

    /// <summary>The steps that one needs, itself the last; only those of the plan.</summary>
    public IEnumerable<BuildNode> NeededBy(BuildNode top)
    {
        var needed = new HashSet<BuildNode>(ReferenceEqualityComparer.Instance);
        var open = new Stack<BuildNode>([top]);
        while (open.TryPop(out var node))
            if (needed.Add(node)) foreach (var input in node.Inputs) open.Push(input);
        return Plan.Nodes.Where(needed.Contains);
    }

    /// <summary>The graph of a result: its operations, inputs before what needs them, and last one that names the result's.</summary>
    public Definition Define(BuildNode top, string result, SourceInfo file)
    {
        var definition = new Definition { Source = new Source { Infos = { file } } };
        var end = new Op();
        if (DigestOf(top) is { } digest)
        {
            var needed = OperationsFor(digest);
            foreach (var step in _order.Where(needed.Contains)) Add(definition, step);
            end.Inputs.Add(new Input { Digest = digest });
            definition.Metadata[digest].Description[ResultMark] = result;
        }
        var bytes = end.ToByteString();
        definition.Def.Add(bytes);
        definition.Metadata[DigestOf(bytes)] = new OpMetadata();
        return definition;
    }

    private HashSet<string> OperationsFor(string top)
    {
        var needed = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([top]);
        while (open.TryPop(out var digest))
            if (needed.Add(digest)) foreach (var input in _steps[digest].Operation.Inputs) open.Push(input.Digest);
        return needed;
    }

    private void Add(Definition definition, string digest)
    {
        var step = _steps[digest];
        var metadata = new OpMetadata { IgnoreCache = step.Node.NoCache, Description = { [NameMark] = step.Name } };
        if (step.Command is { } command) metadata.Description[CommandMark] = command;
        definition.Metadata[digest] = metadata;
        definition.Def.Add(step.Bytes);
        if (step.Places.Count > 0) definition.Source.Locations[digest] = LocationsOf(step);
    }

    private static Locations LocationsOf(Step step)
    {
        var locations = new Locations();
        foreach (var place in step.Places)
        {
            var location = new Location();
            location.Ranges.AddRange(BuildErrors.Ranges(place.FirstLine, place.LastLine));
            locations.Locations_.Add(location);
        }
        return locations;
    }

    /// <summary>The digest of the operation that a graph's last one names, and the result it was given out with (null for a part of one). Null when there is none.</summary>
    public static (string Digest, string? Result)? HeadOf(Definition definition)
    {
        if (definition.Def is not [.., var last] || Op.Parser.ParseFrom(last).Inputs is not [{ Digest: var digest }]) return null;
        return (digest, definition.Metadata.GetValueOrDefault(digest)?.Description.GetValueOrDefault(ResultMark));
    }

    /// <summary>An operation as Go writes it, with what it is behind all else: a client that writes one anew must come to the same digest.</summary>
    private static ByteString Bytes(Op operation)
    {
        var rest = operation.Clone();
        rest.ClearOp();
        var kind = operation.Clone();
        kind.Inputs.Clear();
        kind.Platform = null;
        return ByteString.CopyFrom([.. rest.ToByteArray(), .. kind.ToByteArray()]);
    }

    private static string DigestOf(ByteString bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes.Span));
}
