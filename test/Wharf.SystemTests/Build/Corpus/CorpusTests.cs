using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build.Corpus;

/// <summary>
/// Dockerfiles built here and by docker 28 with BuildKit: same configuration, history and files. What docker made is recorded beside each Dockerfile.
/// To record: WHARF_TEST_HOST=unix:///real.sock WHARF_CORPUS_RECORD=1 (needs buildx); without the second the records are checked on real docker.
/// </summary>
public sealed class CorpusTests(EngineFixture engine)
{
    private const string Base = "wharf-corpus-base";
    private static readonly string Cases = Path.Combine(AppContext.BaseDirectory, "Build", "Corpus", "cases");
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>All, or those whose names begin with one of WHARF_CORPUS_ONLY's.</summary>
    public static TheoryData<string> Names => [.. Directory.EnumerateFiles(Cases, "*.Dockerfile").Select(path => Path.GetFileNameWithoutExtension(path)).Where(IsChosen).Order(StringComparer.Ordinal)];

    private static bool IsChosen(string name) => Environment.GetEnvironmentVariable("WHARF_CORPUS_ONLY") is not { Length: > 0 } only || only.Split(',').Any(start => name.StartsWith(start, StringComparison.Ordinal));

    [Theory, MemberData(nameof(Names))]
    public async Task A_Dockerfile_gives_what_docker_gives(string name)
    {
        using var http = ImageDescription.Client(engine.SocketPath);
        var record = Path.Combine(Cases, name + ".expected.json");
        var context = Directory.CreateTempSubdirectory("wharf-corpus-").FullName;
        try
        {
            CorpusContext.Write(context);
            await EnsureBaseAsync(http);
            var tag = "wharf-corpus-" + name;
            await BuildAsync(name, context, tag);
            var made = await ImageDescription.OfAsync(http, tag, Base);
            await http.DeleteAsync($"/images/{tag}?force=1", TestContext.Current.CancellationToken);
            var text = made.ToJsonString(Indented) + "\n";
            if (Environment.GetEnvironmentVariable("WHARF_CORPUS_RECORD") is { Length: > 0 } target) await File.WriteAllTextAsync(Path.Combine(target, name + ".expected.json"), text, TestContext.Current.CancellationToken);
            else text.ShouldBe(await File.ReadAllTextAsync(record, TestContext.Current.CancellationToken));
        }
        finally { Directory.Delete(context, recursive: true); }
    }

    private static async Task EnsureBaseAsync(HttpClient http)
    {
        if ((await http.GetAsync($"/images/{Base}/json")).IsSuccessStatusCode) return;
        using var tar = new ByteArrayContent(BusyboxImage.Tar());
        (await http.PostAsync($"/images/create?fromSrc=-&repo={Base}&changes={Uri.EscapeDataString("CMD [\"sh\"]")}", tar)).EnsureSuccessStatusCode();
    }

    /// <summary>Here by our CLI, on real docker by buildx: the classic builder leaves other histories, and docker's does not know half of the language.</summary>
    private async Task BuildAsync(string name, string context, string tag)
    {
        var dockerfile = File.ReadAllText(Path.Combine(Cases, name + ".Dockerfile")).Replace("busybox:", Base + ":", StringComparison.Ordinal).Replace("FROM busybox", "FROM " + Base, StringComparison.Ordinal)
            .Replace("from busybox", "from " + Base, StringComparison.Ordinal).Replace("--from=busybox", "--from=" + Base, StringComparison.Ordinal);
        var arguments = Arguments(dockerfile);
        var ignorePath = Path.Combine(Cases, name + ".Dockerfile.dockerignore");
        var ignore = File.Exists(ignorePath) ? File.ReadAllText(ignorePath) : null;
        var file = Path.Combine(engine.Root, "corpus.Dockerfile");
        await File.WriteAllTextAsync(file, dockerfile);
        if (ignore is null) File.Delete(file + ".dockerignore");
        else await File.WriteAllTextAsync(file + ".dockerignore", ignore);
        string[] command = ["build", "-f", file, "-t", tag, .. arguments, context];
        (engine.IsWharf ? await engine.WharfAsync(command) : await Buildx.RunAsync(engine, command)).ShouldExit(0);
    }

    private static string[] Arguments(string dockerfile) =>
        dockerfile.Split('\n', 2)[0] is var first && first.StartsWith("# args: ", StringComparison.Ordinal) ? first["# args: ".Length..].Split(' ') : [];
}
