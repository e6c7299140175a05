using System.Formats.Tar;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary><c>POST /build</c> without a client in between: its parameters, and BuildKit behind it (<c>version=2</c>). All of it holds on docker 28 too.</summary>
public sealed class BuildApiTests(EngineFixture engine) : IDisposable
{
    private readonly EngineApi _api = new(engine.SocketPath);

    public void Dispose() => _api.Dispose();

    private Task<ApiAnswer> BuildAsync(string query, string dockerfile = "FROM busybox\nRUN echo hi\n")
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, leaveOpen: true))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(dockerfile)) });
        return _api.PostTarAsync("/build?" + query, bytes.ToArray());
    }

    [Theory]
    [InlineData("isolation=hyperv", 400, "unsupported isolation: \"hyperv\"")]
    [InlineData("outputs=bogus", 400, "invalid outputs specified: invalid character 'b' looking for beginning of value")]
    [InlineData("cachefrom={\"a\":1}", 400, "error reading cache-from: json: cannot unmarshal object into Go value of type []string")]
    [InlineData("labels=[]", 400, "error reading labels: json: cannot unmarshal array into Go value of type map[string]string")]
    [InlineData("buildargs=bogus", 400, "error reading build args: invalid character 'b' looking for beginning of value")]
    // A client's mistake: docker answers 500, with the same words.
    [InlineData("shmsize=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("securityopt=[\"no-new-privileges\"]", 400, "security options are not supported on linux")]
    [InlineData("remote=client-session", 400, "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead")]
    [InlineData("version=3", 400, "invalid version \"3\"")]
    [InlineData("platform=bogus", 400, "\"bogus\": unknown operating system or architecture: invalid argument")]
    [InlineData("t=UPPER", 500, "invalid reference format: repository name (library/UPPER) must be lowercase")]
    [InlineData("version=2&t=UPPER", 500, "invalid reference format: repository name (library/UPPER) must be lowercase")]
    [InlineData("version=2&networkmode=x", 500, "network mode \"x\" not supported by buildkit")]
    [InlineData("remote=http://127.0.0.1:1/x", 500, "error downloading remote context http://127.0.0.1:1/x: Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused")]
    public async Task A_parameter_that_is_wrong_is_refused_in_dockers_words(string query, int status, string message)
    {
        var answer = await BuildAsync(query);
        answer.Message.ShouldBe(message);
        answer.Status.ShouldBe(status);
    }

    [Fact]
    public async Task Numbers_that_are_none_count_for_nothing() => (await BuildAsync("memory=x&cpushares=y")).Text.ShouldContain("Successfully built");

    [Fact]
    public async Task Version_2_builds_with_BuildKit_and_tells_it_in_its_messages()
    {
        var built = await BuildAsync("version=2&t=api-v2&labels={\"a\":\"b\"}&buildargs={\"X\":\"1\"}", "FROM busybox\nARG X\nRUN echo $X > /x\n");
        built.Status.ShouldBe(200);
        built.Lines.ShouldContain(line => line["id"]!.GetValue<string>() == "moby.buildkit.trace");
        built.Lines[^1]["id"]!.GetValue<string>().ShouldBe("moby.image.id");
        var image = (await _api.GetAsync("/images/api-v2/json")).Json;
        image["Id"]!.GetValue<string>().ShouldBe(built.Lines[^1]["aux"]!["ID"]!.GetValue<string>());
        image["Config"]!["Labels"]!["a"]!.GetValue<string>().ShouldBe("b");
        (await engine.DockerAsync("run", "--rm", "api-v2", "cat", "/x")).ShouldExit(0).Text.ShouldBe("1");
        (await BuildAsync("version=2&q=1")).Lines.Single()["stream"]!.GetValue<string>().ShouldStartWith("sha256:");
        (await BuildAsync("version=2&nocache=1", "FROM busybox\nRUN exit 3\n")).StreamError.ShouldBe("process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3");
        (await BuildAsync("version=2", "FROM busybox\nNONSENSE\n")).StreamError.ShouldBe("dockerfile parse error on line 2: unknown instruction: NONSENSE");
        (await BuildAsync("version=2&dockerfile=no")).StreamError.ShouldBe("failed to read dockerfile: open no: no such file or directory");
    }
}
