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
    [InlineData("t=foo@sha256:0000000000000000000000000000000000000000000000000000000000000000", 500, "build tag cannot contain a digest")]
    [InlineData("version=2&t=foo@sha256:0000000000000000000000000000000000000000000000000000000000000000", 500, "build tag cannot contain a digest")]
    [InlineData("version=2&t=", 500, "invalid reference format")]
    [InlineData("squash=1", 400, "squash is only supported with experimental mode")]
    [InlineData("version=2&squash=1", 400, "squash is only supported with experimental mode")]
    [InlineData("buildargs={\"X\":1}", 400, "error reading build args: json: cannot unmarshal number into Go struct field .X of type string")]
    [InlineData("buildargs=\"x\"", 400, "error reading build args: json: cannot unmarshal string into Go value of type map[string]*string")]
    [InlineData("ulimits={}", 400, "error reading ulimit settings: json: cannot unmarshal object into Go value of type []*units.Ulimit")]
    [InlineData("version=2&ulimits=[{\"Name\":\"bogus\",\"Soft\":1,\"Hard\":1}]", 500, "failed to parse ulimit: invalid ulimit type: bogus")]
    [InlineData("version=2&extrahosts=nonsense", 500, "invalid host nonsense")]
    [InlineData("target=0", 400, "target stage \"0\" could not be found")]
    [InlineData("remote=nonsense", 500, "remoteURL (nonsense) could not be recognized as URL")]
    [InlineData("version=2&networkmode=x", 500, "network mode \"x\" not supported by buildkit")]
    [InlineData("remote=http://127.0.0.1:1/x", 500, "error downloading remote context http://127.0.0.1:1/x: Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused")]
    public async Task A_parameter_that_is_wrong_is_refused_in_dockers_words(string query, int status, string message)
    {
        var answer = await BuildAsync(query);
        answer.Message.ShouldBe(message);
        // What is the client's mistake is never a 500 of ours.
        answer.Status.ShouldBe(engine.IsWharf && status == 500 && !query.StartsWith("remote=http", StringComparison.Ordinal) ? 400 : status);
    }

    [Theory]
    [InlineData("this is no archive", "archive/tar: invalid tar header", "dockerfile parse error on line 1: unknown instruction: this")]
    [InlineData("cut", "unexpected EOF", "failed to read dockerfile: unexpected EOF")]
    [InlineData("../evil", "invalid entry name \"../evil\"", "failed to read dockerfile: invalid entry name \"../evil\"")]
    public async Task A_context_that_is_broken_is_refused(string kind, string classic, string buildKit)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, leaveOpen: true))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream("FROM busybox\n"u8.ToArray()) });
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, kind == "cut" ? "f" : "../evil") { DataStream = new MemoryStream(new byte[5000]) });
        }
        var body = kind switch { "cut" => bytes.ToArray()[..3000], "../evil" => bytes.ToArray(), _ => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(kind + "\n", 100))) };
        var refused = await _api.PostTarAsync("/build", body);
        refused.Status.ShouldBe(engine.IsWharf ? 400 : 500);
        refused.Message.ShouldBe(classic);
        (await _api.PostTarAsync("/build?version=2", body)).StreamError.ShouldBe(buildKit);
    }

    [Theory]
    [InlineData("", "the Dockerfile cannot be empty")]
    [InlineData("# only a comment\n", "file with no instructions")]
    [InlineData("RUN true\n", "no build stage in current context")]
    [InlineData("ARG a=b\n", "dockerfile contains no stages to build")]
    [InlineData("# escape=x\nFROM busybox\n", "invalid escape token 'x' does not match ` or \\")]
    [InlineData("FROM $X\n", "base name ($X) should not be blank")]
    [InlineData("FROM Bad:Ref:x\n", "failed to parse stage name \"Bad:Ref:x\": invalid reference format: repository name (library/Bad) must be lowercase")]
    [InlineData("FROM --platform=foo busybox\n", "failed to parse platform foo: \"foo\": unknown operating system or architecture: invalid argument")]
    [InlineData("FROM busybox AS a\nCOPY --from=a /bin/sh /x\n", "circular dependency detected on stage: a")]
    [InlineData("FROM busybox\nCOPY --from=0 /bin/sh /x\n", "circular dependency detected on stage: stage-0")]
    [InlineData("FROM busybox\nCOPY --from=5 /bin/sh /x\n", "invalid stage index 5")]
    [InlineData("FROM busybox\nENV a\n", "ENV must have two arguments")]
    [InlineData("FROM busybox\nENV a=\"b\n", "failed to process \"\\\"b\": unexpected end of statement while looking for matching double-quote")]
    [InlineData("FROM busybox\nENV a=${b!c}\n", "failed to process \"${b!c}\": unsupported modifier (!) in substitution")]
    [InlineData("FROM busybox\nEXPOSE foo\n", "invalid containerPort: foo")]
    [InlineData("FROM busybox\nEXPOSE 80/foo\n", "invalid port: \"80/foo\": invalid proto: foo")]
    [InlineData("FROM busybox\nSTOPSIGNAL foo\n", "invalid signal: foo")]
    [InlineData("FROM busybox\nHEALTHCHECK NONE x\n", "dockerfile parse error on line 2: HEALTHCHECK NONE takes no arguments")]
    [InlineData("FROM busybox\nHEALTHCHECK --retries=-1 CMD x\n", "dockerfile parse error on line 2: --retries cannot be negative (-1)")]
    [InlineData("FROM busybox\nHEALTHCHECK --interval=1ns CMD x\n", "dockerfile parse error on line 2: Interval \"interval\" cannot be less than 1ms")]
    [InlineData("FROM busybox\nHEALTHCHECK --interval=5 CMD x\n", "dockerfile parse error on line 2: time: missing unit in duration \"5\"")]
    [InlineData("FROM busybox\nHEALTHCHECK CMD []\n", "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD")]
    [InlineData("FROM busybox\nVOLUME []\n", "dockerfile parse error on line 2: VOLUME requires at least one argument")]
    [InlineData("FROM busybox\nCOPY --link=x a /\n", "dockerfile parse error on line 2: expecting boolean value for flag --link, not: x")]
    [InlineData("FROM busybox\nADD --checksum=sha256:0 a /\n", "checksum requires HTTP(S) or Git sources")]
    [InlineData("FROM busybox\nADD --checksum=x http://127.0.0.1:1/x /\n", "invalid checksum digest format")]
    [InlineData("FROM busybox\nRUN --network=nope true\n", "dockerfile parse error on line 2: invalid network mode \"nope\"")]
    [InlineData("FROM busybox\nRUN --mount=type=tmpfs,target=. true\n", "invalid mount target \"/\"")]
    [InlineData("FROM --platform=$X busybox\n", "empty platform value from expression $X")]
    [InlineData("FROM busybox\nRUN []\n", "failed to marshal LLB definition: arguments are required")]
    [InlineData("FROM busybox\nRUN [\"/nope\"]\n", "process \"/nope\" did not complete successfully: exit code: 1")]
    [InlineData("FROM busybox\nUSER nobodyatall\nRUN id\n", "process \"/bin/sh -c id\" did not complete successfully: unable to find user nobodyatall: no matching entries in passwd file")]
    public async Task What_BuildKit_refuses_is_refused_in_its_words(string dockerfile, string error) => (await BuildAsync("version=2", dockerfile)).StreamError.ShouldBe(error);

    [Theory]
    [InlineData("CMD", "CMD [\"/bin/sh\" \"-c\" \"\"]")]
    [InlineData("ENTRYPOINT", "ENTRYPOINT [\"/bin/sh\" \"-c\" \"\"]")]
    [InlineData("RUN", "RUN /bin/sh -c  # buildkit")]
    [InlineData("EXPOSE 80:80", "EXPOSE [80/tcp]")]
    [InlineData("EXPOSE 127.0.0.1:80:81", "EXPOSE [81/tcp]")]
    [InlineData("USER $X", "USER ")]
    [InlineData("WORKDIR $X", "WORKDIR /")]
    [InlineData("WORKDIR /a//b/./c/", "WORKDIR /a//b/./c/")]
    [InlineData("WORKDIR /a//b\nWORKDIR c/../d", "WORKDIR /a/b/d")]
    [InlineData("HEALTHCHECK --interval=0 CMD a", "HEALTHCHECK &{[\"CMD-SHELL\" \"a\"] \"0s\" \"0s\" \"0s\" \"0s\" '\\x00'}")]
    [InlineData("EXPOSE 80/", "EXPOSE [80/tcp]")]
    [InlineData("ENV a=$$b c=$12x d=$?y", "ENV a=b c=x d=y")]
    [InlineData("COPY --chmod= Dockerfile /x", "COPY Dockerfile /x # buildkit")]
    [InlineData("COPY --from= Dockerfile /x", "COPY Dockerfile /x # buildkit")]
    [InlineData("COPY nope* /x", "COPY nope* /x # buildkit")]
    [InlineData("COPY Dockerfile Dockerfile /x", "COPY Dockerfile Dockerfile /x # buildkit")]
    [InlineData("COPY --chown=nosuchuser Dockerfile /x", "COPY --chown=nosuchuser Dockerfile /x # buildkit")]
    [InlineData("COPY --chown=0:nosuchgroup Dockerfile /x", "COPY --chown=0:nosuchgroup Dockerfile /x # buildkit")]
    [InlineData("ARG Z\nRUN true", "RUN |1 Z= /bin/sh -c true # buildkit")]
    public async Task What_BuildKit_takes_is_taken(string line, string history)
    {
        (await BuildAsync("version=2&t=api-taken", $"FROM busybox\n{line}\n")).StreamError.ShouldBeNull();
        (await _api.GetAsync("/images/api-taken/history")).Json[0]!["CreatedBy"]!.GetValue<string>().ShouldBe(history);
        (await _api.DeleteAsync("/images/api-taken")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Stages_of_one_name_are_the_last_of_them()
    {
        (await BuildAsync("version=2&t=api-taken", "FROM busybox AS a\nENV x=1\nFROM busybox AS a\nENV x=2\nFROM a\n")).StreamError.ShouldBeNull();
        (await _api.GetAsync("/images/api-taken/json")).Json["Config"]!["Env"]!.ToJsonString().ShouldContain("x=2");
        (await _api.DeleteAsync("/images/api-taken")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Arguments_of_a_stage_are_those_of_stages_made_from_it()
    {
        (await BuildAsync("version=2&t=api-taken", "FROM busybox AS a\nARG x=1\nFROM a\nENTRYPOINT []\nCMD []\nRUN true\nENV z=$x\n")).StreamError.ShouldBeNull();
        var config = (await _api.GetAsync("/images/api-taken/json")).Json["Config"]!;
        config["Env"]!.ToJsonString().ShouldContain("z=1");
        config["Cmd"].ShouldBeNull();
        config["Entrypoint"].ShouldBeNull();
        (await _api.GetAsync("/images/api-taken/history")).Json[1]!["CreatedBy"]!.GetValue<string>().ShouldBe("RUN |1 x=1 /bin/sh -c true # buildkit");
        (await _api.DeleteAsync("/images/api-taken")).Status.ShouldBe(200);
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
