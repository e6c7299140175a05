using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Registry;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What the flags of the real <c>docker buildx</c> do, one by one: agents, bake, imagetools, attestations, annotations, limits of steps.</summary>
public sealed class BuildxFeatureTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-bxf-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private string PathOf(string name) => Path.Combine(_context, name);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), text);
    }

    private Task<CommandResult> BuildAsync(params string[] args) => Buildx.RunAsync(engine, ["build", .. args, _context]);

    private async Task<string> ReadAsync(string image, string path) => (await engine.DockerAsync("run", "--rm", image, "cat", path)).ShouldExit(0).Text;

    private async Task<JsonNode> RawAsync(string reference) => JsonNode.Parse((await Buildx.RunAsync(engine, ["buildx", "imagetools", "inspect", "--raw", reference])).ShouldExit(0).Out)!;

    [Fact]
    public async Task A_step_speaks_to_the_clients_agents_and_its_image_has_nothing_of_them()
    {
        Buildx.Require("docker-buildx");
        if (!File.Exists("/usr/bin/ssh-agent")) Assert.Skip("no ssh-agent: Debian's openssh-client has it");
        var directory = Directory.CreateTempSubdirectory("wharf-agent-").FullName;
        try
        {
            var socket = Path.Combine(directory, "agent");
            using var agent = Process.Start(new ProcessStartInfo("ssh-agent", ["-D", "-a", socket]) { RedirectStandardOutput = true })!;
            try
            {
                await agent.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken); // it says where it is once it is there
                foreach (var key in new[] { "one", "two" }) (await CommandResult.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "key-" + key, "-f", Path.Combine(directory, key)])).ShouldExit(0);
                var environment = new Dictionary<string, string> { ["SSH_AUTH_SOCK"] = socket };
                (await CommandResult.RunAsync("ssh-add", ["-q", Path.Combine(directory, "one")], environment: environment)).ShouldExit(0);
                (await engine.DockerAsync(await ProgramImage.TarAsync("/usr/bin/ssh-add"), "import", "-", "bxf-ssh-base")).ShouldExit(0);
                Write("Dockerfile", """
                    FROM bxf-ssh-base
                    RUN --mount=type=ssh ssh-add -L > /default && test -S "$SSH_AUTH_SOCK" && echo "$SSH_AUTH_SOCK" > /where
                    RUN --mount=type=ssh,id=file,target=/run/mine,mode=0600,uid=33 SSH_AUTH_SOCK=/run/mine ssh-add -L > /file && stat -c '%a %u' /run/mine > /mode
                    RUN test -z "$SSH_AUTH_SOCK" && test ! -e /run/mine
                    """);
                (await Buildx.RunAsync(engine, ["build", "--no-cache", "-t", "bxf-ssh", "--ssh", "default", "--ssh", "file=" + Path.Combine(directory, "two"), _context], environment: environment)).ShouldExit(0);
                (await ReadAsync("bxf-ssh", "/default")).ShouldEndWith("key-one");
                (await ReadAsync("bxf-ssh", "/file")).Split(' ')[0].ShouldBe("ssh-ed25519");
                (await ReadAsync("bxf-ssh", "/mode")).ShouldBe("600 33");
                (await engine.DockerAsync("run", "--rm", "bxf-ssh", "sh", "-c", "ls -A /run/buildkit /run/mine 2>/dev/null; true")).ShouldExit(0).Text.ShouldBe("");
                Write("Dockerfile", "FROM busybox\nRUN --mount=type=ssh,required=true true\n");
                (await BuildAsync("--no-cache")).ShouldExit(1).Error.ShouldContain("ssh");
            }
            finally
            {
                agent.Kill();
                await agent.WaitForExitAsync(CancellationToken.None);
            }
        }
        finally { Directory.Delete(directory, recursive: true); }
    }

    [Fact]
    public async Task Bake_builds_a_group_of_targets_one_on_the_other()
    {
        Write("base/Dockerfile", "FROM busybox\nRUN echo base > /base\n");
        Write("app/Dockerfile", "FROM below\nARG WHO\nRUN echo $WHO > /who\n");
        Write("docker-bake.hcl", $$"""
            variable "WHO" { default = "nobody" }
            group "default" { targets = ["base", "app"] }
            target "base" {
              context = "{{_context}}/base"
              tags = ["bxf-bake-base"]
            }
            target "app" {
              context = "{{_context}}/app"
              contexts = { below = "target:base" }
              args = { WHO = WHO }
              labels = { "of" = "bake" }
              tags = ["bxf-bake-app"]
            }
            """);
        string[] bake = ["buildx", "bake", "--allow", "fs=*", "-f", PathOf("docker-bake.hcl"), "--metadata-file", PathOf(".meta")];
        (await Buildx.RunAsync(engine, bake, environment: new Dictionary<string, string> { ["WHO"] = "world" })).ShouldExit(0);
        (await ReadAsync("bxf-bake-app", "/who")).ShouldBe("world");
        (await ReadAsync("bxf-bake-app", "/base")).ShouldBe("base");
        (await ReadAsync("bxf-bake-base", "/base")).ShouldBe("base");
        (await engine.DockerAsync("image", "inspect", "bxf-bake-app", "--format", "{{.Config.Labels.of}}")).ShouldExit(0).Text.ShouldBe("bake");
        JsonNode.Parse(await File.ReadAllTextAsync(PathOf(".meta"), TestContext.Current.CancellationToken))!["app"]!["image.name"]!.GetValue<string>().ShouldEndWith("bxf-bake-app");
        (await Buildx.RunAsync(engine, [.. bake, "--set", "app.args.WHO=set", "app"])).ShouldExit(0);
        (await ReadAsync("bxf-bake-app", "/who")).ShouldBe("set");
    }

    [Fact]
    public async Task Imagetools_puts_images_of_two_platforms_into_one_index()
    {
        Buildx.Require("docker-buildx");
        await using var registry = await RegistryProcess.WharfAsync();
        Write("Dockerfile", "FROM scratch\nCOPY f /f\n");
        Write("f", "content\n");
        var name = $"{registry.Authority}/bxf/tools";
        foreach (var platform in new[] { "amd64", "arm64" }) (await BuildAsync(["--provenance=false", "--platform", "linux/" + platform, .. engine.IsWharf ? new[] { "-o", $"type=image,name={name}:{platform},push=true,oci-mediatypes=true" } : ["--push", "-t", $"{name}:{platform}"]])).ShouldExit(0);
        (await Buildx.RunAsync(engine, ["buildx", "imagetools", "create", "-t", name + ":both", "--annotation", "index:of=both", name + ":amd64", name + ":arm64"])).ShouldExit(0);
        var index = await RawAsync(name + ":both");
        // What docker makes of images in its own old format has no place for annotations.
        if (engine.IsWharf) index["annotations"]!["of"]!.GetValue<string>().ShouldBe("both");
        index["manifests"]!.AsArray().Select(entry => entry!["platform"]!["architecture"]!.GetValue<string>()).Order().ShouldBe(["amd64", "arm64"]);
        var shown = (await Buildx.RunAsync(engine, ["buildx", "imagetools", "inspect", name + ":both"])).ShouldExit(0).Out;
        shown.ShouldContain("linux/arm64");
        shown.ShouldContain(index["mediaType"]!.GetValue<string>());
        (await Buildx.RunAsync(engine, ["buildx", "imagetools", "create", "-t", name + ":one", $"{name}:both@{index["manifests"]![0]!["digest"]}"])).ShouldExit(0);
        (await Buildx.RunAsync(engine, ["buildx", "imagetools", "create", "--append", "-t", name + ":one", name + ":arm64"])).ShouldExit(0);
        (await RawAsync(name + ":one"))["manifests"]!.AsArray().Count.ShouldBe(2);
        (await Buildx.RunAsync(engine, ["buildx", "imagetools", "inspect", name + ":none"])).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Attestations_and_annotations_are_found_by_imagetools()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store pushes without attestations");
        Buildx.Require("docker-buildx");
        await using var registry = await RegistryProcess.WharfAsync();
        // What a package manager leaves behind is what the bill of materials is made of.
        Write("Dockerfile", "FROM busybox\nRUN mkdir -p /var/lib/dpkg && printf 'Package: left-pad\\nStatus: install ok installed\\nVersion: 1.2-3\\nArchitecture: all\\n\\n' > /var/lib/dpkg/status\n");
        var name = $"{registry.Authority}/bxf/attested:1";
        (await BuildAsync("--push", "-t", name, "--sbom=true", "--provenance=mode=max", "--annotation", "index:of.index=i", "--annotation", "manifest:of.manifest=m")).ShouldExit(0);
        async Task<string> ShownAsync(string what) => (await Buildx.RunAsync(engine, ["buildx", "imagetools", "inspect", name, "--format", $"{{{{json .{what}}}}}"])).ShouldExit(0).Out;
        var sbom = await ShownAsync("SBOM");
        sbom.ShouldContain("SPDX-2.3");
        sbom.ShouldContain("left-pad");
        var provenance = await ShownAsync("Provenance");
        provenance.ShouldContain("mobyproject.org/buildkit");
        provenance.ShouldContain(Convert.ToBase64String("FROM busybox\nRUN mkdir -"u8)); // the whole Dockerfile is told with mode=max
        var index = await RawAsync(name);
        index["annotations"]!["of.index"]!.GetValue<string>().ShouldBe("i");
        var image = index["manifests"]!.AsArray().Single(entry => entry!["platform"]!["os"]!.GetValue<string>() == "linux")!;
        var manifest = await RawAsync($"{name.Split(":1")[0]}@{image["digest"]}");
        manifest["annotations"]!["of.manifest"]!.GetValue<string>().ShouldBe("m");
        (await BuildAsync("--push", "-t", name, "--provenance=false")).ShouldExit(0);
        (await RawAsync(name))["layers"].ShouldNotBeNull();
    }

    [Fact]
    public async Task The_same_build_at_another_time_is_the_same_image_where_its_times_are_given()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store has no exporter of OCI archives");
        Write("Dockerfile", "FROM busybox\nARG SOURCE_DATE_EPOCH\nCOPY f /in/f\nRUN mkdir /d && echo $SOURCE_DATE_EPOCH > /d/x && touch -d '2001-01-01 00:00:00' /d/old\nWORKDIR /w\n");
        Write("f", "content\n");
        Write(".dockerignore", "*.tar\n");
        var digests = new List<string>();
        foreach (var (time, file) in new[] { (1, "one.tar"), (2, "two.tar") })
        {
            File.SetLastWriteTimeUtc(PathOf("f"), DateTime.UtcNow.AddDays(-time));
            (await BuildAsync("--no-cache", "--provenance=false", "--build-arg", "SOURCE_DATE_EPOCH=1600000000", "-o", $"type=oci,rewrite-timestamp=true,dest={PathOf(file)}")).ShouldExit(0);
            digests.Add(await IndexedAsync(PathOf(file)));
        }
        digests[1].ShouldBe(digests[0]);
        (await engine.DockerAsync("load", "-i", PathOf("one.tar"))).ShouldExit(0);
        (await BuildAsync("-t", "bxf-epoch", "--build-arg", "SOURCE_DATE_EPOCH=1600000000")).ShouldExit(0);
        (await engine.DockerAsync("image", "inspect", "bxf-epoch", "--format", "{{.Created}}")).ShouldExit(0).Text.ShouldBe("2020-09-13T12:26:40Z");
        (await ReadAsync("bxf-epoch", "/d/x")).ShouldBe("1600000000");
    }

    private static async Task<string> IndexedAsync(string archive)
    {
        await using var file = File.OpenRead(archive);
        await using var tar = new TarReader(file);
        while (await tar.GetNextEntryAsync() is { } entry)
            if (entry.Name == "index.json") return (await JsonNode.ParseAsync(entry.DataStream!))!["manifests"]![0]!["digest"]!.GetValue<string>();
        throw new InvalidDataException($"{archive} has no index.json");
    }

    [Theory]
    [InlineData("", "f")]
    [InlineData(",platform-split=true", "linux_amd64/f")]
    [InlineData(",platform-split=false", "f")]
    public async Task A_platform_has_a_directory_of_its_own_where_that_is_asked_for(string option, string path)
    {
        Write("Dockerfile", "FROM scratch\nCOPY f /f\n");
        Write("f", "content");
        (await BuildAsync("--platform=linux/amd64", "-o", $"type=local,dest={PathOf("out")}{option}", "-o", $"type=local,dest={PathOf("second")}{option}")).ShouldExit(0);
        foreach (var place in new[] { "out", "second" }) (await File.ReadAllTextAsync(PathOf($"{place}/{path}"), TestContext.Current.CancellationToken)).ShouldBe("content");
    }

    [Fact]
    public async Task Attestations_that_are_asked_for_stay_with_the_image_and_a_push_sends_them()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store has no attestations");
        await using var registry = await LocalRegistry.StartAsync();
        var name = $"{registry.Address}/bxf/attested:1";
        Write("Dockerfile", $"FROM busybox\nRUN echo {Guid.NewGuid()} > /x\n");
        (await BuildAsync("-t", name, "--provenance=mode=max", "--sbom=true")).ShouldExit(0);
        (await engine.DockerAsync("tag", name, $"{registry.Address}/bxf/attested:2")).ShouldExit(0);
        (await engine.DockerAsync("push", $"{registry.Address}/bxf/attested:2")).ShouldExit(0);
        async Task<string> ShownAsync(string what) => (await Buildx.RunAsync(engine, ["buildx", "imagetools", "inspect", $"{registry.Address}/bxf/attested:2", "--format", $"{{{{json .{what}}}}}"])).ShouldExit(0).Out;
        (await ShownAsync("Provenance")).ShouldContain("mobyproject.org/buildkit");
        (await ShownAsync("SBOM")).ShouldContain("SPDXRef-DOCUMENT");
        // The image itself is what it was, and runs.
        (await engine.DockerAsync("run", "--rm", name, "true")).ShouldExit(0);
        (await engine.DockerAsync("rmi", name, $"{registry.Address}/bxf/attested:2")).ShouldExit(0);
    }

    [Fact]
    public async Task Only_the_stages_that_are_named_are_built_anew()
    {
        Write("Dockerfile", "FROM busybox AS one\nRUN head -c 8 /dev/urandom | od -An -tx1 > /one\nFROM busybox AS two\nRUN head -c 8 /dev/urandom | od -An -tx1 > /two\nFROM busybox\nCOPY --from=one /one /\nCOPY --from=two /two /\n");
        (await BuildAsync("-t", "bxf-filter", "--no-cache")).ShouldExit(0);
        var (one, two) = (await ReadAsync("bxf-filter", "/one"), await ReadAsync("bxf-filter", "/two"));
        (await BuildAsync("-t", "bxf-filter", "--no-cache-filter", "one")).ShouldExit(0);
        (await ReadAsync("bxf-filter", "/one")).ShouldNotBe(one);
        (await ReadAsync("bxf-filter", "/two")).ShouldBe(two);
    }

    [Fact]
    public async Task Steps_have_the_hosts_limits_and_network_that_the_client_asks_for()
    {
        Write("Dockerfile", "FROM busybox\nRUN grep made.up /etc/hosts > /hosts; ulimit -Sn > /soft; ulimit -Hn > /hard; df -k /dev/shm | tail -1 | awk '{print $2}' > /shm; ls /sys/class/net > /net\n");
        (await BuildAsync("-t", "bxf-limits", "--no-cache", "--add-host", "made.up:10.1.2.3", "--shm-size", "96m", "--ulimit", "nofile=333:444", "--network", "none", "--label", "a=b")).ShouldExit(0);
        (await ReadAsync("bxf-limits", "/hosts")).ShouldStartWith("10.1.2.3");
        (await ReadAsync("bxf-limits", "/soft")).ShouldBe("333");
        (await ReadAsync("bxf-limits", "/hard")).ShouldBe("444");
        (await ReadAsync("bxf-limits", "/shm")).ShouldBe((96 * 1024).ToString());
        (await ReadAsync("bxf-limits", "/net")).ShouldNotContain("eth0");
    }

    [Fact]
    public async Task Metadata_tells_of_the_image_and_history_of_the_build()
    {
        Write("Dockerfile", $"FROM busybox\nRUN echo {Guid.NewGuid()}\n");
        (await BuildAsync("-t", "bxf-meta", "--metadata-file", PathOf(".meta"), "--iidfile", PathOf(".iid"))).ShouldExit(0);
        var metadata = JsonNode.Parse(await File.ReadAllTextAsync(PathOf(".meta"), TestContext.Current.CancellationToken))!;
        metadata["image.name"]!.GetValue<string>().ShouldEndWith("bxf-meta");
        metadata["containerimage.digest"]!.GetValue<string>().ShouldStartWith("sha256:");
        (await engine.DockerAsync("image", "inspect", "bxf-meta", "--format", "{{.Id}}")).ShouldExit(0).Text.ShouldBe((await File.ReadAllTextAsync(PathOf(".iid"), TestContext.Current.CancellationToken)).Trim());
        var build = metadata["buildx.build.ref"]!.GetValue<string>().Split('/')[^1];
        var told = JsonNode.Parse((await Buildx.RunAsync(engine, ["buildx", "history", "inspect", "--format", "json", build])).ShouldExit(0).Out)!;
        told["Status"]!.GetValue<string>().ShouldBe("completed");
        told["NumTotalSteps"]!.GetValue<int>().ShouldBeGreaterThan(1);
        (await Buildx.RunAsync(engine, ["buildx", "history", "rm", build])).ShouldExit(0);
        (await Buildx.RunAsync(engine, ["buildx", "history", "inspect", build])).ExitCode.ShouldNotBe(0);
    }
}
