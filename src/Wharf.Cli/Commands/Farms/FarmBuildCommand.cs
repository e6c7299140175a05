using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Commands.Manifests;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;
using Wharf.Cli.Registry;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Commands.Farms;

/// <summary>
/// <c>wharf farm build</c>: each engine builds for its own platform and pushes the image under the list's name with the platform behind the tag; then
/// the list is pushed. Engines build at the same time, each from the same context.
/// </summary>
internal sealed class FarmBuildCommand : Command
{
    /// <summary>Flags of a build that say where it goes: that is settled here.</summary>
    private static readonly string[] Settled = ["tag", "platform", "push", "load", "output", "iidfile", "metadata-file", "check", "call", "on-error", "progress", "disable-content-trust"];

    private readonly BuildCommand build = new();
    private readonly BoolFlag cleanup, insecure, local;
    private readonly StringFlag farm, tag;
    private readonly StringsFlag platforms;

    public FarmBuildCommand()
    {
        foreach (var flag in build.Flags.All.Where(flag => !Settled.Contains(flag.Name))) Flags.Add(flag);
        cleanup = Flags.Bool("cleanup", "Remove the images from the engines afterwards");
        farm = Flags.String("farm", "Build on this farm, not on the default one");
        insecure = Flags.Bool("insecure", "Allow a registry without TLS");
        local = Flags.Bool("local", 'l', "Build also on the engine that other commands talk to", initial: true);
        platforms = Flags.Strings("platforms", "Build for these platforms alone");
        tag = Flags.String("tag", 't', "Name of the list, with its registry");
    }

    public override string Usage => "[OPTIONS] PATH | URL";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (tag.Value == "") throw new CliException("cannot create manifest list without a name, value for --tag is required");
        Reference.Check(tag.Value);
        var list = ManifestNames.Parse(tag.Value);
        if (list.Digest is not null) throw new CliException("a list is pushed under a tag, not a digest");
        if (arguments[0] == "-") throw new CliException("several engines cannot read one standard input: name a directory or a URL");
        var farms = new FarmStore(cli.Config.Directory).Read();
        var name = farm.Value != "" ? farm.Value : farms.Default != "" ? farms.Default : throw new CliException("no farm is the default: name one with --farm");
        var nodes = new List<FarmNode>();
        try
        {
            foreach (var connection in farms.Get(name).Union(local ? [cli.Options.CurrentContext] : []))
                nodes.Add(await FarmNode.OpenAsync(cli, connection, cancellationToken));
            if (nodes.Count == 0) throw new CliException($"farm {Quoting.Quote(name)} has no contexts");
            var entries = await Task.WhenAll(Assign(nodes).GroupBy(static part => part.Node, static part => part.Platform).Select(parts => BuildAllAsync(cli, parts.Key, parts, list, arguments[0], cancellationToken)));
            using var registry = await RegistryClient.OpenAsync(cli, list, insecure, cancellationToken);
            var bytes = ManifestEntry.WriteList([.. entries.SelectMany(static entry => entry)]);
            await registry.PutManifestAsync(list.Tag!, ManifestEntry.TypeOf(bytes), bytes, cancellationToken);
            await cli.Out.WriteLineAsync($"{list}@{Specs.Image.Digest.OfBytes(bytes)}");
            return 0;
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    /// <summary>A platform is the first engine's that has it as its own; one that is nobody's own is the first engine's to emulate.</summary>
    private List<(FarmNode Node, string Platform)> Assign(List<FarmNode> nodes) =>
        [.. (platforms.Values.Count > 0 ? platforms.Values : nodes.ConvertAll(static node => node.Platform)).Distinct().Select(platform => (nodes.Find(node => node.Platform == platform) ?? nodes[0], platform))];

    /// <summary>One engine's platforms, one after the other.</summary>
    private async Task<List<ManifestEntry>> BuildAllAsync(CliContext cli, FarmNode node, IEnumerable<string> platforms, Specs.Image.ImageReference list, string source, CancellationToken cancellationToken)
    {
        var entries = new List<ManifestEntry>();
        foreach (var platform in platforms) entries.AddRange(await BuildAsync(cli, node, platform, list, source, cancellationToken));
        return entries;
    }

    private async Task<List<ManifestEntry>> BuildAsync(CliContext cli, FarmNode node, string platform, Specs.Image.ImageReference list, string source, CancellationToken cancellationToken)
    {
        var part = list.WithTag($"{list.Tag}-{platform.Replace('/', '-')}");
        if (await build.For(part.Familiar, platform).RunAsync(node.Cli, [source], cancellationToken) is not 0 and var code) throw new CliException($"{node.Name}: the build failed", code);
        var header = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(part.Familiar), cancellationToken);
        await using (var response = await node.Cli.Api.SendAsync(new ApiRequest("POST", $"/images/{Reference.Escape(part.FamiliarRepository)}/push{new Query().Add("tag", part.Tag)}") { Headers = [new("X-Registry-Auth", header)] }, cancellationToken))
            await new ProgressDisplay(node.Cli.Error, isTerminal: false, columns: 80).RunAsync(response.Body, cancellationToken);
        if (cleanup) await node.Cli.Api.DeleteAsync($"/images/{Reference.Escape(part.Familiar)}", cancellationToken);
        return await ManifestEntry.FetchAsync(cli, part, insecure, cancellationToken) ?? throw new CliException($"no such manifest: {part}");
    }
}

/// <summary>An engine of a farm. What it says has its name before each line.</summary>
internal sealed class FarmNode : IAsyncDisposable
{
    private readonly LabelledLines error, output;

    private FarmNode(CliContext cli, string name)
    {
        var options = cli.Options.Of(name);
        (Name, output, error) = (name, new LabelledLines(cli.OutputStream, name), new LabelledLines(cli.ErrorStream, name));
        Cli = new CliContext(options, Stream.Null, output, error);
    }

    public string Name { get; }
    public CliContext Cli { get; }
    /// <summary>Its own: <c>os/arch</c>.</summary>
    public string Platform { get; private set; } = "";

    public static async Task<FarmNode> OpenAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var node = new FarmNode(cli, name);
        try
        {
            var version = await node.Cli.Api.GetElementAsync("/version", cancellationToken);
            node.Platform = $"{version.GetProperty("Os").GetString()}/{version.GetProperty("Arch").GetString()}";
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Cli.DisposeAsync();
        await output.DisposeAsync();
        await error.DisposeAsync();
    }
}
