using System.Formats.Tar;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>
/// Dockerfiles and contexts that want something of the host (SECURITY.md classes A and F): the marker lies on the host, outside of every context,
/// and must be neither read nor changed, and nothing may appear beside it.
/// </summary>
public sealed class HostileBuildTests : IAsyncLifetime
{
    private readonly EngineFixture _engine;
    private readonly EngineApi _api;
    private readonly string _outside = Directory.CreateTempSubdirectory("wharf-outside-").FullName;
    private readonly string _secret = "host-" + Guid.NewGuid().ToString("n");

    public HostileBuildTests(EngineFixture engine)
    {
        (_engine, _api) = (engine, new EngineApi(engine.SocketPath));
        File.WriteAllText(Marker, _secret);
    }

    private string Marker => Path.Combine(_outside, "marker");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Whatever a test did: the marker is as it was, alone.</summary>
    public ValueTask DisposeAsync()
    {
        File.ReadAllText(Marker).ShouldBe(_secret);
        Directory.EnumerateFileSystemEntries(_outside).ShouldBe([Marker]);
        Directory.Delete(_outside, recursive: true);
        _api.Dispose();
        return ValueTask.CompletedTask;
    }

    private static TarEntry Text(string name, string text) => new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) };

    private static TarEntry Link(TarEntryType type, string name, string target) => new PaxTarEntry(type, name) { LinkName = target };

    private static byte[] Tar(params TarEntry[] entries)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Pax, leaveOpen: true))
            foreach (var entry in entries) tar.WriteEntry(entry);
        return bytes.ToArray();
    }

    /// <summary>Builds by the API. Gives all that was answered, and what the container <c>cat /p</c> of the result shows.</summary>
    private async Task<string> BuildAsync(string query, params TarEntry[] entries)
    {
        var answer = await _api.PostTarAsync($"/build?t=hostile&nocache=1&{query}", Tar(entries));
        var text = answer.Text;
        text.ShouldNotContain(_secret);
        if (answer.Status != 200 || answer.StreamError is not null) return text;
        var shown = await _engine.DockerAsync("run", "--rm", "hostile", "sh", "-c", "cat /p /p/* 2>/dev/null; true");
        (shown.Out + shown.Error).ShouldNotContain(_secret);
        await _engine.DockerAsync("rmi", "-f", "hostile");
        return text;
    }

    [Fact]
    public async Task Links_in_a_context_lead_nowhere_outside_of_it()
    {
        foreach (var target in new[] { Marker, "../../../../../../../../../.." + Marker, "/proc/self/root" + Marker, "/proc/1/root" + Marker })
        {
            (await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY l /p\n"), Link(TarEntryType.SymbolicLink, "l", target))).ShouldContain("rror");
            (await BuildAsync("", Text("Dockerfile", "FROM busybox\nADD l /p\n"), Link(TarEntryType.SymbolicLink, "l", target))).ShouldContain("rror");
        }
        (await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY d/marker /p\n"), Link(TarEntryType.SymbolicLink, "d", _outside))).ShouldContain("rror");
        await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY d/ /p/\n"), Link(TarEntryType.SymbolicLink, "d", _outside));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY l /p\n"), Link(TarEntryType.HardLink, "l", Marker));
    }

    [Fact]
    public async Task A_context_unpacks_into_its_directory_and_nowhere_else()
    {
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Text("../../../../../../../../.." + _outside + "/escaped", "x"), Text(_outside + "/absolute", "x"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "d", _outside), Text("d/through", "x"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "f", Marker), Text("f", "overwritten"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.HardLink, "h", Marker), Text("h", "overwritten"));
        // An archive that ADD unpacks, into a directory that is a link out.
        await BuildAsync("", Text("Dockerfile", $"FROM busybox\nRUN ln -s {_outside} /d\nADD a.tar /d/\nADD a.tar /x\n"), new PaxTarEntry(TarEntryType.RegularFile, "a.tar")
        {
            DataStream = new MemoryStream(Tar(Text("planted", "x"), Link(TarEntryType.SymbolicLink, "s", _outside), Text("s/through", "x"), Link(TarEntryType.HardLink, "h", "../../.." + Marker))),
        });
    }

    [Fact]
    public async Task A_Dockerfile_is_a_file_of_the_context()
    {
        foreach (var name in new[] { Marker, "../../../../../../../.." + Marker, "l", "d/marker", "/proc/self/environ" })
        {
            var answer = await BuildAsync("dockerfile=" + Uri.EscapeDataString(name), Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "l", Marker), Link(TarEntryType.SymbolicLink, "d", _outside));
            answer.ShouldContain(name.StartsWith("..", StringComparison.Ordinal) ? "forbidden path outside the build context: " + name : "Cannot locate specified Dockerfile: " + name);
        }
        // Ignore files are read the same way, and removed by name only.
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, ".dockerignore", Marker));
        if (_engine.IsWharf) (await BuildAsync("", Text("Dockerfile", "FROM busybox\n# " + new string('x', 20 << 20)))).ShouldContain("larger than");
    }

    [Theory]
    [InlineData("COPY --from=s /out/marker /p")]
    [InlineData("COPY --from=s /out /p/")]
    [InlineData("COPY --from=s /in/../../../../../../OUT/marker /p")]
    [InlineData("RUN --mount=type=bind,from=s,source=/out,target=/m cat /m/marker > /p; true")]
    [InlineData("RUN --mount=type=bind,source=../../../../../../../OUT,target=/m cat /m/marker > /p; true")]
    [InlineData("RUN --mount=type=bind,source=l,target=/m cat /m/marker > /p; true")]
    [InlineData("RUN --mount=type=cache,from=s,source=/out,target=/m cat /m/marker > /p; true")]
    [InlineData("RUN --mount=type=cache,id=../../../../../../OUT,target=/m touch /m/planted")]
    [InlineData("RUN --mount=type=cache,target=/out touch /out/planted; cat /out/marker > /p; true")]
    [InlineData("RUN --mount=type=tmpfs,target=/out/../../../../../..OUT touch OUT/planted; true")]
    [InlineData("WORKDIR /out/planted")]
    [InlineData("WORKDIR /out\nRUN touch planted; cat marker > /p; true")]
    [InlineData("COPY f /out/planted")]
    [InlineData("COPY <<EOF /out/planted\nx\nEOF")]
    [InlineData("ADD f /out/")]
    [InlineData("VOLUME /out")]
    [InlineData("USER ../../OUT")]
    public async Task A_step_sees_its_own_root_whatever_links_say(string step)
    {
        var stage = $"RUN ln -s {_outside} /out && mkdir /in\n";
        var dockerfile = $"FROM busybox AS s\n{stage}FROM busybox\n{stage}{step.Replace("OUT", _outside.TrimStart('/'), StringComparison.Ordinal)}\n";
        await BuildAsync("", Text("Dockerfile", dockerfile), Text("f", "x"), Link(TarEntryType.SymbolicLink, "l", _outside));
    }

    [Theory]
    [InlineData("git://127.0.0.1:1/--upload-pack=touch OUT/planted")]
    [InlineData("http://127.0.0.1:1/x.git#--upload-pack=touch OUT/planted")]
    [InlineData("http://127.0.0.1:1/x.git#--output=OUT/planted:sub")]
    [InlineData("--upload-pack=touch OUT/planted@x:y.git")]
    [InlineData("ext::sh -c touch% OUT/planted")]
    [InlineData("file://OUT/x.git")]
    [InlineData("git@-oProxyCommand=touch${IFS}OUT/planted:x.git")]
    [InlineData("ssh://-oProxyCommand=touch${IFS}OUT/planted/x.git")]
    [InlineData("http://127.0.0.1:1/x.git?ref=--exec=touch OUT/planted")]
    public async Task An_address_of_a_repository_is_no_option_and_no_command(string address)
    {
        address = address.Replace("OUT", _outside, StringComparison.Ordinal);
        var answer = await _api.PostAsync("/build?remote=" + Uri.EscapeDataString(address));
        (answer.Status >= 400 || answer.StreamError is not null).ShouldBeTrue(answer.Text);
        await BuildAsync("", Text("Dockerfile", $"FROM busybox\nADD [\"{address}\", \"/p/\"]\n"));
    }

    [Fact]
    public async Task More_than_a_step_may_is_refused_unless_the_client_allows_it()
    {
        var classic = await BuildAsync("", Text("Dockerfile", "FROM busybox\nRUN --security=insecure mount -t tmpfs x /mnt && echo mounted\n"));
        classic.ShouldContain("rror");
        classic.ShouldNotContain("mounted\\n");
        var context = Directory.CreateDirectory(Path.Combine(_engine.Root, "insecure")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nRUN --security=insecure echo insecure\n", TestContext.Current.CancellationToken);
        (await _engine.WharfAsync("build", "--no-cache", context)).ShouldExit(1).Error.ShouldContain(_engine.IsWharf ? "security.insecure is not allowed" : "unknown flag: --security");
        if (_engine.IsWharf) (await _engine.WharfAsync("build", "--no-cache", "--allow", "security.insecure", context)).ShouldExit(1).Error.ShouldContain("granting entitlement security.insecure is not allowed by build daemon configuration");
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nRUN --network=host echo host\n", TestContext.Current.CancellationToken);
        (await _engine.WharfAsync("build", "--no-cache", context)).ShouldExit(1).Error.ShouldContain("network.host");
        (await _engine.WharfAsync("build", "--no-cache", "--allow", "network.host", context)).ShouldExit(0);
        (await _engine.WharfAsync("build", "--no-cache", "--allow", "device", context)).ShouldExit(1).Error.ShouldContain("device");
    }

    /// <summary>CVE-2024-24557: what an image says of itself is no cache.</summary>
    [Fact]
    public async Task An_image_from_elsewhere_poisons_no_cache()
    {
        if (!_engine.IsWharf) Assert.Skip("the classic builder of docker takes an image's word");
        var id = Guid.NewGuid().ToString("n");
        var context = Directory.CreateDirectory(Path.Combine(_engine.Root, "poison")).FullName;
        var dockerfile = $"FROM scratch\nCOPY f /{id}\nCMD [\"x\"]\n";
        await File.WriteAllTextAsync(context + "/Dockerfile", dockerfile, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(context + "/f", "poisoned", TestContext.Current.CancellationToken);
        (await _engine.WharfAsync("build", "-t", "poison-made", context)).ShouldExit(0);
        var saved = Path.Combine(_engine.Root, "poison.tar");
        (await _engine.DockerAsync("save", "-o", saved, "poison-made")).ShouldExit(0);
        (await _engine.DockerAsync("rmi", "-f", "poison-made")).ShouldExit(0);
        (await _engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        // The image comes back with the very history that this Dockerfile has; its layer is of another file.
        (await _engine.DockerAsync("load", "-i", saved)).ShouldExit(0);
        await File.WriteAllTextAsync(context + "/f", "right", TestContext.Current.CancellationToken);
        var build = (await _engine.WharfAsync("build", "--progress=plain", "-o", context + "-out", context)).ShouldExit(0);
        build.Error.ShouldNotContain("CACHED");
        (await File.ReadAllTextAsync($"{context}-out/{id}", TestContext.Current.CancellationToken)).ShouldBe("right");
    }

    /// <summary>A secret is nowhere afterwards: not in layers, history, cache, reasons, provenance, progress or the log.</summary>
    [Fact]
    public async Task A_secret_leaves_no_trace()
    {
        if (!_engine.IsWharf) Assert.Skip("looks into the data root");
        Buildx.Require("docker-buildx");
        var secret = "s3cr3t-" + Guid.NewGuid().ToString("n");
        var context = Directory.CreateDirectory(Path.Combine(_engine.Root, "traces")).FullName;
        var file = Path.Combine(_engine.Root, "traces-secret");
        await File.WriteAllTextAsync(file, secret, TestContext.Current.CancellationToken);
        // Also in a step that fails after it was seen, and in one that is called off.
        await File.WriteAllTextAsync(context + "/Dockerfile", $"FROM busybox AS a\nRUN --mount=type=secret,id=t,target=/etc/t --mount=type=secret,id=t,env=T test -n \"$T\" && cp /etc/t /dev/shm/ && sha256sum /etc/t | cut -c1-4 > /ok\nFROM a\nRUN --mount=type=secret,id=t,required cat /run/secrets/t > /dev/null; exit 3\n", TestContext.Current.CancellationToken);
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_engine.Root, "traces-registry"));
        var name = $"127.0.0.1:{registry.Port}/traces/image:1";
        var pushed = (await _engine.WharfAsync("build", "--target", "a", "--push", "-t", name, "--provenance=mode=max", "--sbom=true", "--cache-to", "type=inline", "--metadata-file", context + ".meta", "--progress=rawjson", "--secret", $"id=t,src={file}", context)).ShouldExit(0);
        var failed = (await _engine.WharfAsync("build", "--progress=plain", "--secret", $"id=t,src={file}", context)).ShouldExit(1);
        var why = (await _engine.WharfAsync("build", "why")).ShouldExit(0);
        foreach (var told in new[] { pushed.Error, failed.Error, why.Out, File.ReadAllText(context + ".meta"), _engine.Log, (await _engine.DockerAsync("history", "--no-trunc", name)).Out, (await _engine.DockerAsync("system", "df", "-v")).Out })
        {
            told.ShouldNotContain(secret);
            told.ShouldNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)).TrimEnd('='));
        }
        foreach (var root in new[] { _engine.DataRoot, _engine.ExecRoot, Path.Combine(_engine.Root, "traces-registry") })
            (await CommandResult.RunAsync("grep", ["-rlF", "--devices=skip", secret, root])).Out.ShouldBeEmpty();
    }
}
