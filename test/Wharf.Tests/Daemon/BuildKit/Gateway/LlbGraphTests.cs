using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Shouldly;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Devices;
using Wharf.Engine.Images;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Daemon.BuildKit.Gateway;

/// <summary>The graph of a plan, as clients walk it.</summary>
public sealed class LlbGraphTests
{
    private static readonly ImageRecord Base = new(Digest.OfBytes([1]), new OciImage { Os = "linux", Architecture = "amd64", Config = new OciImageConfig { Env = ["PATH=/bin"] }, RootFs = new RootFs() }, [], []);

    private static async Task<LlbGraph> GraphAsync(string text)
    {
        var request = new BuildRequest { DockerfileText = text, Hold = null! };
        var plan = await new BuildPlanner(request, static (_, _, _) => Task.FromResult(Base), static () => CdiRegistry.Load([])).PlanAsync(CancellationToken.None);
        return new LlbGraph(plan, false, name => new ContextSource("load " + name, "local://context" + name) { Paths = plan.ContextPaths(name) });
    }

    private static Definition Define(LlbGraph graph) => graph.Define(graph.Plan.Target.Root, "r1", new SourceInfo { Filename = "Dockerfile" });

    private static string DigestOf(ByteString bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes.Span));

    private static List<string> Names(Definition definition) => [.. definition.Def.SkipLast(1).Select(bytes => definition.Metadata[DigestOf(bytes)].Description["llb.customname"])];

    private static List<int> Lines(Definition definition, int at) =>
        [.. definition.Source.Locations[DigestOf(definition.Def[at])].Locations_.SelectMany(static location => location.Ranges).Select(static range => range.Start.Line)];

    [Fact]
    public async Task Each_step_is_an_operation_behind_what_it_needs_with_name_and_lines()
    {
        var graph = await GraphAsync("FROM x AS a\nRUN one\nFROM scratch AS b\nCOPY --from=a /f /\nFROM x\nRUN --mount=from=b,target=/m \\\n two\nCOPY f /\nWORKDIR /w\n");
        var definition = Define(graph);
        Names(definition).ShouldBe(["[a 1/2] FROM docker.io/library/x:latest", "[a 2/2] RUN one", "[b 1/1] COPY --from=a /f /", "[stage-2 2/4] RUN --mount=from=b,target=/m  two", "load ", "[stage-2 3/4] COPY f /", "[stage-2 4/4] WORKDIR /w"]);
        var known = new HashSet<string>();
        foreach (var bytes in definition.Def)
        {
            foreach (var input in Op.Parser.ParseFrom(bytes).Inputs) known.ShouldContain(input.Digest);
            known.Add(DigestOf(bytes));
        }
        // The image that two stages begin with is one operation, of the last stage first.
        Lines(definition, 0).ShouldBe([5, 1]);
        Lines(definition, 3).ShouldBe([6, 7]);
        definition.Source.Locations.ShouldNotContainKey(DigestOf(definition.Def[4]));
    }

    [Fact]
    public async Task A_file_operation_without_a_root_says_so()
    {
        var graph = await GraphAsync("FROM x AS a\nFROM scratch\nCOPY --from=a /f /g /\n");
        var operation = graph.OperationOf(graph.Plan.Target.Root)!;
        operation.Inputs.Count.ShouldBe(1);
        operation.File.Actions.Select(static action => (action.Input, action.SecondaryInput, action.Output, action.Copy.Src)).ShouldBe([(-1, 0, -1, "/f"), (1, 0, 0, "/g")]);
    }

    [Fact]
    public async Task Steps_are_found_by_digest_and_what_stands_beside_the_plan_can_be_built()
    {
        var graph = await GraphAsync("FROM x\nADD --checksum=sha256:" + new string('a', 64) + " https://h/f /\nCOPY <<t /\nfull\nt\nRUN --mount=target=/c go\n");
        var definition = Define(graph);
        var extras = definition.Def.SkipLast(1).Select(bytes => graph.Find(DigestOf(bytes)).ShouldNotBeNull()).Where(node => !graph.Plan.Nodes.Contains(node)).Cast<CopyNode>().ToList();
        extras.Select(static node => (string.Join(',', node.Sources), node.Inline.Count, node.Destination)).ShouldBe([("https://h/f", 0, "/"), ("", 1, "/"), ("/", 0, "/")]);
        extras.ShouldAllBe(node => node.Root is BaseNode && graph.DigestOf(node.Root) == null);
        graph.Find("sha256:" + new string('0', 64)).ShouldBeNull();
        graph.NeededBy(graph.Plan.Nodes[1]).ShouldBe(graph.Plan.Nodes.Take(2));
    }

    [Theory]
    [InlineData("COPY --chown=1:2 f /", "COPY --chown=1:3 f /")]
    [InlineData("COPY --chmod=600 f /", "COPY --chmod=u=r f /")]
    [InlineData("COPY --link f /", "COPY f /")]
    [InlineData("COPY --parents f /", "COPY f /")]
    [InlineData("COPY --exclude=a f /", "COPY f /")]
    [InlineData("ADD f /", "COPY f /")]
    [InlineData("ADD --unpack=false f /", "ADD f /")]
    [InlineData("RUN --network=none a", "RUN a")]
    [InlineData("RUN --mount=type=cache,target=/c a", "RUN --mount=type=cache,target=/c,sharing=locked a")]
    [InlineData("RUN --mount=type=secret,id=a a", "RUN --mount=type=secret,id=a,env=A a")]
    [InlineData("RUN --mount=type=ssh a", "RUN --mount=type=ssh,required a")]
    [InlineData("RUN <<E\n#!/a\nE", "RUN <<E\n#!/b\nE")]
    [InlineData("ENV A=1\nRUN a", "ENV A=2\nRUN a")]
    [InlineData("USER a\nWORKDIR /w", "USER b\nWORKDIR /w")]
    public async Task What_makes_steps_differ_makes_their_operations_differ(string one, string other)
    {
        var (first, second) = (await GraphAsync("FROM x\n" + one + "\n"), await GraphAsync("FROM x\n" + other + "\n"));
        first.DigestOf(first.Plan.Target.Root).ShouldNotBe(second.DigestOf(second.Plan.Target.Root));
        var again = await GraphAsync("FROM x\n" + one + "\n");
        again.DigestOf(again.Plan.Target.Root).ShouldBe(first.DigestOf(first.Plan.Target.Root));
    }

    [Fact]
    public async Task A_graphs_head_names_the_result_and_a_part_of_it_only_the_step()
    {
        var graph = await GraphAsync("FROM x\nRUN one\nRUN two\n");
        var definition = Define(graph);
        LlbGraph.HeadOf(definition).ShouldBe((graph.DigestOf(graph.Plan.Target.Root)!, "r1"));
        // So a debugger asks for a step on the way: the same graph with another end.
        var step = graph.DigestOf(graph.Plan.Nodes[1])!;
        definition.Def[^1] = new Op { Inputs = { new Input { Digest = step } } }.ToByteString();
        LlbGraph.HeadOf(definition).ShouldBe((step, null));
        LlbGraph.HeadOf(new Definition()).ShouldBeNull();
    }

    [Fact]
    public async Task A_build_of_nothing_has_a_graph_of_nothing()
    {
        var graph = await GraphAsync("FROM scratch\nENV A=1\n");
        Define(graph).Def.Count.ShouldBe(1);
        LlbGraph.HeadOf(Define(graph)).ShouldBeNull();
    }

    /// <summary>A client knows a failed step by the digest of the operation that came with the error: it writes it anew, in Go's order.</summary>
    [Fact]
    public async Task An_operation_that_goes_through_an_error_comes_to_the_same_digest()
    {
        var graph = await GraphAsync("FROM x\nUSER me\nRUN --network=none --mount=type=cache,target=/c,id=i,sharing=private --mount=type=tmpfs,target=/t,size=1m --mount=type=secret,id=s,mode=0440,env=S --mount=type=ssh,required --mount=source=f,target=/f,rw go \"\\u00fc\"\n");
        var node = graph.Plan.Target.Root;
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text)) LlbJson.Write(json, graph.OperationOf(node)!);
        var read = new JsonParser(JsonParser.Settings.Default).Parse<Op>(Encoding.UTF8.GetString(text.ToArray()));
        read.ShouldBe(graph.OperationOf(node));
        var bytes = Define(graph).Def[^2];
        DigestOf(bytes).ShouldBe(graph.DigestOf(node));
        // What the operation is comes last: field 2, behind inputs (1) and platform (10).
        Fields(bytes).ShouldBe([1, 1, 10, 2]);
    }

    private static List<int> Fields(ByteString bytes)
    {
        var fields = new List<int>();
        using var input = bytes.CreateCodedInput();
        for (uint tag; (tag = input.ReadTag()) != 0; input.SkipLastField()) fields.Add(WireFormat.GetTagFieldNumber(tag));
        return fields;
    }
}
