using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The builder from before BuildKit: what it says, the images of its steps, and its cache, which is those images. All of it holds on docker 28 too.</summary>
public sealed partial class ClassicBuildTests(EngineFixture engine) : IDisposable
{
    private readonly EngineApi _api = new(engine.SocketPath);
    /// <summary>In every Dockerfile that is to be built anew: the engine may know the steps of another run of these tests.</summary>
    private readonly string _new = "ENV run=" + Guid.NewGuid().ToString("n");

    public void Dispose() => _api.Dispose();

    private Task<ApiAnswer> BuildAsync(string query, string dockerfile, params (string Name, string Text)[] files)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, leaveOpen: true))
            foreach (var (name, text) in files.Prepend(("Dockerfile", dockerfile)))
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) });
        return _api.PostTarAsync("/build?" + query, bytes.ToArray());
    }

    /// <summary>All that a build says, IDs as <c>ID</c>.</summary>
    private string Told(ApiAnswer answer) => Id().Replace(string.Concat(answer.Lines.Select(static line => line["stream"]?.GetValue<string>() ?? "")), "ID").Replace(_new["ENV run=".Length..], "RUN", StringComparison.Ordinal);

    private static List<string> Stages(ApiAnswer answer) => [.. answer.Lines.Select(static line => line["aux"]?["ID"]?.GetValue<string>()).Where(static id => id is not null).Select(static id => id!)];

    private async Task<JsonNode> ImageAsync(string name) => (await _api.GetAsync($"/images/{name}/json")).Json;

    /// <summary>The history without its base, oldest first.</summary>
    private async Task<List<(string By, string Id)>> HistoryAsync(string name, int steps)
    {
        var history = (await _api.GetAsync($"/images/{name}/history")).Json.AsArray();
        return [.. history.Take(steps).Reverse().Select(entry => (Digest().Replace(entry!["CreatedBy"]!.GetValue<string>(), "DIGEST"), entry["Id"]!.GetValue<string>()))];
    }

    private async Task RemoveAsync(string name) => (await _api.DeleteAsync($"/images/{name}?force=1")).Status.ShouldBe(200);

    [GeneratedRegex(@"\b[0-9a-f]{12}\b")] private static partial Regex Id();
    [GeneratedRegex(@"[0-9a-f]{64}")] private static partial Regex Digest();

    [Fact]
    public async Task A_build_is_told_step_by_step()
    {
        var dockerfile = $"ARG tag=latest\nfrom busybox:$tag\n{_new}\nARG who\nRUN echo \"$who\"\nRUN echo wrong >&2\nWORKDIR /w\nCOPY f .\nCMD [\"sh\"]\n";
        var built = await BuildAsync("t=cb-told&t=cb-told:two&buildargs={\"who\":\"me\",\"other\":\"x\"}&labels={\"l\":\"v\"}", dockerfile, ("f", "text"));
        Told(built).ShouldBe("""
            Step 1/10 : ARG tag=latest
            Step 2/10 : from busybox:$tag
             ---> ID
            Step 3/10 : ENV run=RUN
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            Step 4/10 : ARG who
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            Step 5/10 : RUN echo "$who"
             ---> Running in ID
            me
             ---> Removed intermediate container ID
             ---> ID
            Step 6/10 : RUN echo wrong >&2
             ---> Running in ID
            ESC[91mwrong
            ESC[0m ---> Removed intermediate container ID
             ---> ID
            Step 7/10 : WORKDIR /w
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            Step 8/10 : COPY f .
             ---> ID
            Step 9/10 : CMD ["sh"]
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            Step 10/10 : LABEL l=v
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            [Warning] One or more build-args [other] were not consumed
            Successfully built ID
            Successfully tagged cb-told:latest
            Successfully tagged cb-told:two

            """.Replace("ESC", "\u001b", StringComparison.Ordinal));
        var again = await BuildAsync("t=cb-told&buildargs={\"who\":\"me\"}&labels={\"l\":\"v\"}", dockerfile, ("f", "text"));
        Told(again).ShouldStartWith("Step 1/10 : ARG tag=latest\nStep 2/10 : from busybox:$tag\n ---> ID\nStep 3/10 : ENV run=RUN\n ---> Using cache\n ---> ID\n");
        Regex.Count(Told(again), "Using cache").ShouldBe(8);
        Stages(again).ShouldBe(Stages(built));
        await RemoveAsync("cb-told:two");
        await RemoveAsync("cb-told");
    }

    [Fact]
    public async Task Every_step_is_an_image_made_from_the_one_before()
    {
        var dockerfile = $"""
            FROM busybox
            MAINTAINER me
            {_new}
            EXPOSE 80 443/tcp 127.0.0.1:8080:90
            VOLUME /v
            USER 0
            STOPSIGNAL 15
            HEALTHCHECK --interval=5s CMD true
            SHELL ["/bin/sh","-ec"]
            RUN true
            RUN echo changed > /f
            COPY f /g/
            ONBUILD RUN echo later
            CMD echo hi
            ENTRYPOINT ["e"]
            """;
        var built = await BuildAsync("t=cb-images", dockerfile, ("f", "text"));
        built.StreamError.ShouldBeNull();
        var history = await HistoryAsync("cb-images", 14);
        history.Select(entry => entry.By.Replace(_new["ENV run=".Length..], "RUN", StringComparison.Ordinal)).ShouldBe([
            "/bin/sh -c #(nop)  MAINTAINER me", "/bin/sh -c #(nop)  ENV run=RUN", "/bin/sh -c #(nop)  EXPOSE 127.0.0.1:8080:90 443/tcp 80", "/bin/sh -c #(nop)  VOLUME [/v]", "/bin/sh -c #(nop)  USER 0",
            "/bin/sh -c #(nop)  STOPSIGNAL 15", "/bin/sh -c #(nop)  HEALTHCHECK &{[CMD-SHELL true] 5s 0s 0s 0s 0}", "/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]", "/bin/sh -ec true", "/bin/sh -ec echo changed > /f",
            "/bin/sh -ec #(nop) COPY file:DIGEST in /g/ ", "/bin/sh -ec #(nop)  ONBUILD RUN echo later", "/bin/sh -ec #(nop)  CMD [\"/bin/sh\" \"-ec\" \"echo hi\"]", "/bin/sh -ec #(nop)  ENTRYPOINT [\"e\"]",
        ]);
        var image = await ImageAsync("cb-images");
        image["Author"]!.GetValue<string>().ShouldBe("me");
        image["Comment"]!.GetValue<string>().ShouldBe("");
        var config = image["Config"]!;
        config["ExposedPorts"]!.AsObject().Select(static port => port.Key).Order().ShouldBe(["443/tcp", "80/tcp", "90/tcp"]);
        config["ArgsEscaped"].ShouldBeNull();
        config["OnBuild"]!.AsArray().Select(static trigger => trigger!.GetValue<string>()).ShouldBe(["RUN echo later"]);
        // What changed nothing has no layer: the base's, the volume's directory with the first RUN, the file of the second, and the copied one.
        var baseImage = await ImageAsync("busybox");
        image["RootFS"]!["Layers"]!.AsArray().Count.ShouldBe(baseImage["RootFS"]!["Layers"]!.AsArray().Count + 3);
        // Each step's image is there by its ID, down to the base.
        for (int i = history.Count - 1; i >= 0; i--)
        {
            image["Id"]!.GetValue<string>().ShouldBe(history[i].Id);
            image = await ImageAsync(image["Parent"]!.GetValue<string>());
        }
        image["Id"]!.GetValue<string>().ShouldBe(baseImage["Id"]!.GetValue<string>());
        (await _api.GetAsync("/images/json")).Text.ShouldNotContain(history[5].Id);
        (await _api.GetAsync("/images/json?all=1")).Text.ShouldContain(history[5].Id);
        // With the name all goes, and the next build does it again.
        await RemoveAsync("cb-images");
        (await _api.GetAsync($"/images/{history[0].Id}/json")).Status.ShouldBe(404);
        var again = await BuildAsync("t=cb-images", dockerfile, ("f", "text"));
        Told(again).ShouldNotContain("Using cache");
        Stages(again).ShouldNotBe(Stages(built));
        await RemoveAsync("cb-images");
    }

    [Fact]
    public async Task The_cache_ends_at_the_first_step_that_is_new()
    {
        string Dockerfile(string middle) => $"FROM busybox\n{_new}\nLABEL m={middle}\nRUN echo after\nCOPY f /\n";
        async Task<int> CachedAsync(string query, string middle, string file = "text") => Regex.Count(Told(await BuildAsync("t=cb-cache&" + query, Dockerfile(middle), ("f", file))), "Using cache");
        (await CachedAsync("", "one")).ShouldBe(0);
        (await CachedAsync("", "one")).ShouldBe(4);
        (await CachedAsync("", "one", "other text")).ShouldBe(3);
        (await CachedAsync("", "two")).ShouldBe(1);
        (await CachedAsync("nocache=1", "two")).ShouldBe(0);
        // By other images only, when any are named.
        (await CachedAsync("cachefrom=[\"cb-none\"]", "two")).ShouldBe(0);
        (await CachedAsync("cachefrom=[\"cb-cache\"]", "two")).ShouldBe(4);
        await RemoveAsync("cb-cache");
    }

    [Fact]
    public async Task An_image_that_came_without_its_steps_is_a_cache_when_it_is_named()
    {
        var dockerfile = $"FROM busybox\n{_new}\nRUN echo one > /one\nRUN true\nCOPY f /\n";
        var built = await BuildAsync("t=cb-from", dockerfile, ("f", "text"));
        var archive = (await _api.GetAsync("/images/cb-from/get")).Body;
        await RemoveAsync("cb-from");
        (await _api.PostTarAsync("/images/load?quiet=1", archive)).Status.ShouldBe(200);
        var again = await BuildAsync("t=cb-again&cachefrom=[\"cb-from\"]", dockerfile, ("f", "text"));
        Regex.Count(Told(again), "Using cache").ShouldBe(4);
        Stages(again).ShouldBe(Stages(built));
        // Only so far as it is the same.
        var part = await BuildAsync("t=cb-part&cachefrom=[\"cb-from\"]", dockerfile + "CMD [\"x\"]\n", ("f", "text"));
        Regex.Count(Told(part), "Using cache").ShouldBe(4);
        foreach (var name in new[] { "cb-part", "cb-again", "cb-from" }) await RemoveAsync(name);
    }

    [Fact]
    public async Task All_stages_up_to_the_target_are_built_and_told()
    {
        var dockerfile = $"FROM busybox AS One\n{_new}\nENV x=1\nFROM busybox AS unused\nRUN echo unused\nFROM one\nCOPY --from=0 /bin/true /t\nRUN echo $x\nFROM busybox\nRUN echo not come to\n";
        var built = await BuildAsync("t=cb-stages&target=2", dockerfile);
        built.Status.ShouldBe(400);
        built.Message.ShouldBe("target stage \"2\" could not be found");
        built = await BuildAsync("t=cb-stages", dockerfile[..dockerfile.LastIndexOf("FROM", StringComparison.Ordinal)]);
        Told(built).ShouldContain("Step 5/8 : RUN echo unused\n");
        Told(built).ShouldContain("\n1\n");
        var stages = Stages(built);
        stages.Count.ShouldBe(3);
        (await ImageAsync(stages[0]))["Config"]!["Env"]!.AsArray().Select(static value => value!.GetValue<string>()).ShouldContain("x=1");
        (await ImageAsync("cb-stages"))["Id"]!.GetValue<string>().ShouldBe(stages[2]);
        Stages(await BuildAsync("target=ONE", dockerfile)).ShouldBe([stages[0]]);
        await RemoveAsync("cb-stages");
        // The first went with the last, which was made from it.
        await RemoveAsync(stages[1]);
    }

    [Fact]
    public async Task A_stage_that_is_only_its_base_is_that_image()
    {
        var built = await BuildAsync("t=cb-base", "FROM busybox\n");
        Stages(built).ShouldBe([(await ImageAsync("busybox"))["Id"]!.GetValue<string>()]);
        Told(built).ShouldBe("Step 1/1 : FROM busybox\n ---> ID\nSuccessfully built ID\nSuccessfully tagged cb-base:latest\n");
        await RemoveAsync("cb-base");
        (await BuildAsync("", "FROM scratch\n")).StreamError.ShouldBe("No image was generated. Is your Dockerfile empty?");
        var empty = await BuildAsync("t=cb-empty", $"FROM scratch\n{_new}\n");
        Told(empty).ShouldStartWith("Step 1/2 : FROM scratch\n ---> \nStep 2/2 : ENV run=RUN\n ---> Running in ID\n");
        var image = await ImageAsync("cb-empty");
        image["Config"]!["WorkingDir"]!.GetValue<string>().ShouldBe("");
        image["Parent"]!.GetValue<string>().ShouldBe("");
        await RemoveAsync("cb-empty");
    }

    [Theory]
    [InlineData("rm=1", "true", 0)]
    [InlineData("rm=0", "true", 3)]
    [InlineData("rm=0&forcerm=1", "true", 0)]
    [InlineData("rm=1", "false", 1)]
    [InlineData("rm=0", "false", 3)]
    [InlineData("forcerm=1", "false", 0)]
    public async Task Containers_of_steps_stay_where_they_are_to(string query, string last, int left)
    {
        var built = await BuildAsync("nocache=1&" + query, $"FROM busybox\n{_new}\nRUN echo one\nRUN {last}\n");
        var told = string.Concat(built.Lines.Select(static line => line["stream"]?.GetValue<string>() ?? ""));
        var containers = RunningIn().Matches(told).Select(static match => match.Groups[1].Value).ToList();
        containers.Count.ShouldBe(3);
        int stayed = 0;
        foreach (var container in containers)
        {
            var answer = await _api.GetAsync($"/containers/{container}/json");
            if (answer.Status == 404) continue;
            stayed++;
            answer.Json["Image"]!.GetValue<string>().ShouldStartWith("sha256:");
            (await _api.DeleteAsync($"/containers/{container}?v=1")).Status.ShouldBe(204);
        }
        stayed.ShouldBe(left);
        Regex.Count(told, "Removed intermediate container").ShouldBe(containers.Count - left);
        if (Stages(built) is [var image]) await RemoveAsync(image);
    }

    [GeneratedRegex("Running in ([0-9a-f]{12})\n")] private static partial Regex RunningIn();

    [Theory]
    [InlineData("ENV a=${b!c}", "failed to process \"${b!c}\": unsupported modifier (!) in substitution")]
    [InlineData("EXPOSE foo", "Invalid containerPort: foo")]
    [InlineData("EXPOSE 80/foo", "Invalid proto: foo")]
    [InlineData("STOPSIGNAL foo", "invalid signal: foo")]
    [InlineData("WORKDIR $nope", "cannot normalize nothing")]
    [InlineData("COPY nope /x", "COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist")]
    [InlineData("ADD nope /x", "ADD failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist")]
    [InlineData("COPY nope* /x", "COPY failed: no source files were specified")]
    [InlineData("COPY ../x /x", "COPY failed: forbidden path outside the build context: ../x ()")]
    [InlineData("COPY Dockerfile Dockerfile /x", "When using COPY with more than one source file, the destination must be a directory and end with a /")]
    [InlineData("COPY --from=0 /x /x", "invalid from flag value 0: refers to current build stage")]
    [InlineData("COPY --from=5 /x /x", "invalid from flag value 5: index out of bounds")]
    [InlineData("RUN exit 7", "The command '/bin/sh -c exit 7' returned a non-zero code: 7")]
    [InlineData("RUN", "The command '/bin/sh -c' returned a non-zero code: 2")]
    [InlineData("COPY --chown=nobodyatall Dockerfile /x", "unable to convert uid/gid chown string to host mapping: can't find uid for user nobodyatall: no such user: nobodyatall")]
    [InlineData("FROM Bad:Ref:x", "invalid reference format: repository name (library/Bad) must be lowercase")]
    [InlineData("FROM $nope", "base name ($nope) should not be blank")]
    [InlineData("FROM --platform=foo busybox", "failed to parse platform foo: \"foo\": unknown operating system or architecture: invalid argument")]
    public async Task What_is_wrong_is_found_when_its_step_comes(string line, string error)
    {
        var answer = await BuildAsync("forcerm=1", $"FROM busybox\n{line}\n");
        answer.Status.ShouldBe(200);
        answer.StreamError.ShouldBe(error);
        Told(answer).ShouldStartWith($"Step 1/2 : FROM busybox\n ---> ID\n");
        Told(answer).ShouldContain($"Step 2/2 : {line}\n");
        // A quiet build that fails says all of it.
        Joined(await BuildAsync("q=1&forcerm=1", $"FROM busybox\n{line}\n")).ShouldBe(Joined(answer));

        // A line of standard error may come in one piece or in several, each coloured by itself.
        string Joined(ApiAnswer told) => Told(told).Replace("\u001b[0m\u001b[91m", "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FROM busybox\nNONSENSE\n", "dockerfile parse error on line 2: unknown instruction: NONSENSE")]
    [InlineData("FROM busybox\nENV =b\n", "dockerfile parse error on line 2: ENV names can not be blank")]
    [InlineData("FROM busybox\nENV a\n", "failed to parse Dockerfile: ENV must have two arguments")]
    [InlineData("FROM busybox\nHEALTHCHECK --interval=1us CMD true\n", "dockerfile parse error on line 2: Interval \"interval\" cannot be less than 1ms")]
    [InlineData("RUN true\n", "no build stage in current context")]
    [InlineData("# escape=x\nFROM busybox\n", "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\")]
    public async Task What_cannot_be_read_is_refused_at_once(string dockerfile, string message)
    {
        var answer = await BuildAsync("", dockerfile);
        answer.Status.ShouldBe(400);
        answer.Message.ShouldBe(message);
    }

    [Fact]
    public async Task A_name_is_used_once()
    {
        var answer = await BuildAsync("", "FROM busybox AS a\nFROM busybox AS a\n");
        answer.StreamError.ShouldBe("a stage name already used");
        Told(answer).ShouldBe("Step 1/2 : FROM busybox AS a\n ---> ID\n");
    }

    [Fact]
    public async Task What_a_step_writes_into_a_volume_is_gone_after_it()
    {
        var built = await BuildAsync("t=cb-volume", $"FROM busybox\n{_new}\nRUN mkdir /v && echo 1 > /v/a\nVOLUME /v\nRUN echo 2 > /v/b; ls /v\nRUN ls /v\nCOPY f /v/\nRUN ls /v\n", ("f", "x"));
        Told(built).ShouldContain("\na\nb\n");
        Regex.Count(Told(built), "\nb\n").ShouldBe(1);
        Told(built).ShouldContain("\na\nf\n");
        await RemoveAsync("cb-volume");
    }

    [Fact]
    public async Task Triggers_run_in_the_FROM_of_who_builds_on_their_image()
    {
        (await BuildAsync("t=cb-trigger", $"FROM busybox\n{_new}\nONBUILD ENV t=1\nONBUILD RUN echo run $t\n")).StreamError.ShouldBeNull();
        var built = await BuildAsync("t=cb-triggered", "FROM cb-trigger\nRUN true\n");
        Told(built).ShouldBe("""
            Step 1/2 : FROM cb-trigger
            # Executing 2 build triggers
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> Running in ID
            run 1
             ---> Removed intermediate container ID
             ---> ID
            Step 2/2 : RUN true
             ---> Running in ID
             ---> Removed intermediate container ID
             ---> ID
            Successfully built ID
            Successfully tagged cb-triggered:latest

            """);
        (await HistoryAsync("cb-triggered", 3)).Select(static entry => entry.By).ShouldBe(["/bin/sh -c #(nop)  ENV t=1", "/bin/sh -c echo run $t", "/bin/sh -c true"]);
        await RemoveAsync("cb-triggered");
        await RemoveAsync("cb-trigger");
    }
}
