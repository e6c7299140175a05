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
            await BuildAsync(http, name, context, tag);
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

    /// <summary>Here by the Engine API, or where the client has to leave files out by our CLI; real docker's classic builder does not know half of the language, so there by buildx.</summary>
    private async Task BuildAsync(HttpClient http, string name, string context, string tag)
    {
        var dockerfile = File.ReadAllText(Path.Combine(Cases, name + ".Dockerfile")).Replace("busybox:", Base + ":", StringComparison.Ordinal).Replace("FROM busybox", "FROM " + Base, StringComparison.Ordinal)
            .Replace("from busybox", "from " + Base, StringComparison.Ordinal).Replace("--from=busybox", "--from=" + Base, StringComparison.Ordinal);
        var arguments = Arguments(dockerfile);
        var ignorePath = Path.Combine(Cases, name + ".Dockerfile.dockerignore");
        var ignore = File.Exists(ignorePath) ? File.ReadAllText(ignorePath) : null;
        if (!engine.IsWharf || ignore is not null)
        {
            var file = Path.Combine(engine.Root, "corpus.Dockerfile");
            await File.WriteAllTextAsync(file, dockerfile);
            if (ignore is null) File.Delete(file + ".dockerignore");
            else await File.WriteAllTextAsync(file + ".dockerignore", ignore);
            string[] command = ["build", "-f", file, "-t", tag, .. arguments, context];
            (engine.IsWharf ? await engine.WharfAsync(command) : await Buildx.RunAsync(engine, command)).ShouldExit(0);
            return;
        }
        var query = new StringBuilder($"/build?t={tag}&dockerfile=corpus.Dockerfile&buildargs={Json(arguments, "--build-arg")}&labels={Json(arguments, "--label")}");
        int target = Array.IndexOf(arguments, "--target");
        if (target >= 0) query.Append("&target=").Append(arguments[target + 1]);
        using var body = new ByteArrayContent(CorpusContext.Tar(context, dockerfile, ignore));
        body.Headers.ContentType = new("application/x-tar");
        var response = await http.PostAsync(query.ToString(), body);
        var output = await response.Content.ReadAsStringAsync();
        response.IsSuccessStatusCode.ShouldBeTrue(output);
        output.ShouldNotContain("errorDetail");
    }

    private static string[] Arguments(string dockerfile) =>
        dockerfile.Split('\n', 2)[0] is var first && first.StartsWith("# args: ", StringComparison.Ordinal) ? first["# args: ".Length..].Split(' ') : [];

    private static string Json(string[] arguments, string flag)
    {
        var values = new JsonObject();
        for (int i = 0; i + 1 < arguments.Length; i++)
            if (arguments[i] == flag && arguments[i + 1].Split('=', 2) is [var key, var value]) values[key] = value;
        return Uri.EscapeDataString(values.ToJsonString());
    }
}
