using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>
/// Dockerfiles and contexts that want something of the host (SECURITY.md classes A and F): what lies there, outside of every context, must be neither
/// read nor changed.
/// </summary>
public sealed class HostileBuildTests(EngineFixture engine) : IDisposable
{
    private readonly EngineFixture _engine = engine;
    private readonly EngineApi _api = new(engine.SocketPath);
    private readonly HostMarker _host = new();

    private string Outside => _host.Directory;

    public void Dispose()
    {
        _api.Dispose();
        _host.Dispose();
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

    private static TarEntry Packed()
    {
        var bytes = new MemoryStream();
        using (var packed = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true)) packed.Write(Tar(Text("packed", "x")));
        bytes.Position = 0;
        return new PaxTarEntry(TarEntryType.RegularFile, "packed.tar.gz") { DataStream = bytes };
    }

    /// <summary>Builds by the API. Gives all that was answered, and what the container <c>cat /p</c> of the result shows.</summary>
    private async Task<string> BuildAsync(string query, params TarEntry[] entries)
    {
        var answer = await _api.PostTarAsync($"/build?t=hostile&nocache=1&{query}", Tar(entries));
        var text = answer.Text;
        text.ShouldNotContain(_host.Secret);
        if (answer.Status != 200 || answer.StreamError is not null) return text;
        var shown = await _engine.DockerAsync("run", "--rm", "hostile", "sh", "-c", "cat /p /p/* 2>/dev/null; true");
        (shown.Out + shown.Error).ShouldNotContain(_host.Secret);
        await _engine.DockerAsync("rmi", "-f", "hostile");
        return text;
    }

    [Fact] // CVE-2014-9356, CVE-2022-4122
    public async Task Links_in_a_context_lead_nowhere_outside_of_it()
    {
        foreach (var target in new[] { _host.File, "../../../../../../../../../.." + _host.File, "/proc/self/root" + _host.File, "/proc/1/root" + _host.File })
        {
            (await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY l /p\n"), Link(TarEntryType.SymbolicLink, "l", target))).ShouldContain("rror");
            (await BuildAsync("", Text("Dockerfile", "FROM busybox\nADD l /p\n"), Link(TarEntryType.SymbolicLink, "l", target))).ShouldContain("rror");
        }
        (await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY d/marker /p\n"), Link(TarEntryType.SymbolicLink, "d", Outside))).ShouldContain("rror");
        await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY d/ /p/\n"), Link(TarEntryType.SymbolicLink, "d", Outside));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY l /p\n"), Link(TarEntryType.HardLink, "l", _host.File));
    }

    [Fact] // CVE-2014-6407, CVE-2020-10696, CVE-2021-29136, CVE-2021-32760, CVE-2024-24579, CVE-2025-47290, CVE-2026-17106
    public async Task A_context_unpacks_into_its_directory_and_nowhere_else()
    {
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Text("../../../../../../../../.." + Outside + "/escaped", "x"), Text(Outside + "/absolute", "x"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "d", Outside), Text("d/through", "x"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "f", _host.File), Text("f", "overwritten"));
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.HardLink, "h", _host.File), Text("h", "overwritten"));
        // An archive that ADD unpacks, into a directory that is a link out.
        await BuildAsync("", Text("Dockerfile", $"FROM busybox\nRUN ln -s {Outside} /d\nADD a.tar /d/\nADD a.tar /x\n"), new PaxTarEntry(TarEntryType.RegularFile, "a.tar")
        {
            DataStream = new MemoryStream(Tar(Text("planted", "x"), Link(TarEntryType.SymbolicLink, "s", Outside), Text("s/through", "x"), Link(TarEntryType.HardLink, "h", "../../.." + _host.File))),
        });
    }

    [Fact] // GHSA-vp35-85q5-9f25, CVE-2022-4122
    public async Task A_Dockerfile_is_a_file_of_the_context()
    {
        foreach (var name in new[] { _host.File, "../../../../../../../.." + _host.File, "l", "d/marker", "/proc/self/environ" })
        {
            var answer = await BuildAsync("dockerfile=" + Uri.EscapeDataString(name), Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, "l", _host.File), Link(TarEntryType.SymbolicLink, "d", Outside));
            answer.ShouldContain(name.StartsWith("..", StringComparison.Ordinal) ? "forbidden path outside the build context: " + name : "Cannot locate specified Dockerfile: " + name);
        }
        // Ignore files are read the same way, and removed by name only.
        await BuildAsync("", Text("Dockerfile", "FROM busybox\n"), Link(TarEntryType.SymbolicLink, ".dockerignore", _host.File));
        if (_engine.IsWharf) (await BuildAsync("", Text("Dockerfile", "FROM busybox\n# " + new string('x', 20 << 20)))).ShouldContain("larger than");
    }

    [Theory] // CVE-2018-15664's kind, CVE-2022-23648, CVE-2024-1753, CVE-2024-9407, CVE-2024-9675, CVE-2024-45310, CVE-2026-55686; of user databases CVE-2024-5154, CVE-2024-9341, CVE-2024-9676
    [InlineData("COPY --from=s --chmod=777 --chown=1:1 /out /p/")]
    [InlineData("COPY --from=s --parents /out/./marker /out/../out/marker /p/")]
    [InlineData("COPY --parents ../../../../OUT/marker ./../../../../../OUT/marker /p/")]
    [InlineData("COPY --link f /out/planted")]
    [InlineData("COPY --from=s --link /out/marker /p")]
    [InlineData("COPY --from=s --parents /out/** /p/")]
    [InlineData("COPY --from=../../../../../../OUT marker /p")]
    [InlineData("ADD --chmod=777 f /out/marker")]
    [InlineData("RUN --mount=type=bind,source=/,target=/m,bind-propagation=shared cat /m/OUT/marker > /p")]
    [InlineData("RUN --mount=type=bind,from=s,source=/,target=/out,rw touch /out/planted; true")]
    [InlineData("RUN --mount=type=bind,from=s,source=../../../../../OUT,target=/m cat /m/marker > /p; true")]
    [InlineData("RUN --mount=type=tmpfs,target=/out/empty touch /out/empty/planted; true")]
    [InlineData("RUN --mount=type=tmpfs,target=/in/empty mv /in /was && ln -s /OUT /in")]
    [InlineData("RUN --mount=type=bind,target=/in/a/empty mv /in /was && mkdir /in && ln -s /OUT /in/a")]
    [InlineData("RUN rm /etc/passwd && ln -s /OUT/marker /etc/passwd\nCOPY --chown=nobody f /p\nUSER nobody\nRUN cat /etc/passwd")]
    [InlineData("RUN rm /etc/passwd /etc/group && mkfifo /etc/passwd /etc/group\nCOPY --chown=nobody:nogroup f /p\nUSER nobody\nRUN true")]
    [InlineData("RUN rm -rf /etc && ln -s /OUT /etc\nRUN cat /etc/marker > /p; true\nUSER nobody\nRUN true")]
    [InlineData("RUN rm -rf /run /tmp && ln -s /OUT /run && ln -s /OUT /tmp\nRUN touch /run/planted /tmp/planted; true")]
    [InlineData("RUN mkdir -p /usr/bin && for p in xz unxz gzip unpigz bzip2 zstd tar git; do printf '#!/bin/sh\\ntouch /OUT/planted\\n' > /usr/bin/$p; chmod +x /usr/bin/$p; done\nADD packed.tar.gz /p/")]
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
        var stage = $"RUN ln -s {Outside} /out && mkdir /in\n";
        var dockerfile = $"FROM busybox AS s\n{stage}FROM busybox\n{stage}{step.Replace("OUT", Outside.TrimStart('/'), StringComparison.Ordinal)}\n";
        await BuildAsync("", Text("Dockerfile", dockerfile), Text("f", "x"), Link(TarEntryType.SymbolicLink, "l", Outside), Packed());
    }

    /// <summary>CVE-2026-41579, CVE-2026-47766, CVE-2019-16884: a base whose directories for the kernel's file systems are links.</summary>
    [Theory]
    [InlineData("dev")]
    [InlineData("proc")]
    [InlineData("sys")]
    [InlineData("etc")]
    [InlineData("dev/shm")]
    [InlineData("dev/pts")]
    public async Task A_base_with_links_in_the_kernels_places_starts_no_step_outside(string name)
    {
        var tree = BusyboxTree().Where(entry => entry.Name.TrimEnd('/') != name && !entry.Name.StartsWith(name + "/", StringComparison.Ordinal)).Append(Link(TarEntryType.SymbolicLink, name, Outside));
        await BuildAsync("", Text("Dockerfile", "FROM scratch\nADD tree.tar /\nRUN cat /*/marker > /p 2>/dev/null; true\n"), new PaxTarEntry(TarEntryType.RegularFile, "tree.tar") { DataStream = new MemoryStream(Tar([.. tree])) });
    }

    private static List<TarEntry> BusyboxTree()
    {
        var reader = new TarReader(new MemoryStream(BusyboxImage.Tar()));
        var entries = new List<TarEntry>();
        while (reader.GetNextEntry(copyData: true) is { } entry) entries.Add(entry);
        return entries;
    }

    [Theory] // CVE-2019-13139
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
        address = address.Replace("OUT", Outside, StringComparison.Ordinal);
        var answer = await _api.PostAsync("/build?remote=" + Uri.EscapeDataString(address));
        (answer.Status >= 400 || answer.StreamError is not null).ShouldBeTrue(answer.Text);
        await BuildAsync("", Text("Dockerfile", $"FROM busybox\nADD [\"{address}\", \"/p/\"]\n"));
    }

    /// <summary>CVE-2026-33747: a front end that a Dockerfile names is no program of this builder's.</summary>
    [Fact]
    public async Task A_named_front_end_is_neither_fetched_nor_run()
    {
        if (!_engine.IsWharf) Assert.Skip("docker fetches and runs it");
        foreach (var name in new[] { "127.0.0.1:1/evil:1", "../../../../evil", "docker/dockerfile:1" })
            (await BuildAsync("version=2", Text("Dockerfile", $"# syntax={name}\nFROM busybox\nRUN echo x > /p\n"))).ShouldNotContain("\"error\"");
        (await BuildAsync("version=2&buildargs=" + Uri.EscapeDataString("{\"BUILDKIT_SYNTAX\":\"127.0.0.1:1/evil:1\"}"), Text("Dockerfile", "FROM busybox\n"))).ShouldNotContain("\"error\"");
    }

    /// <summary>CVE-2021-3602: what the daemon was started with is not what a step runs with.</summary>
    [Fact]
    public async Task The_daemons_environment_is_not_the_steps()
    {
        if (!_engine.IsWharf) Assert.Skip("looks at the daemon's process");
        var names = File.ReadAllText($"/proc/{_engine.DaemonPid}/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')[0]).Where(name => name is not ("PATH" or "HOME" or "HOSTNAME" or "PWD" or "SHLVL"));
        foreach (var version in new[] { "1", "2" })
        {
            var text = await BuildAsync($"q=1&version={version}", Text("Dockerfile", $"FROM busybox\nRUN ! env | grep -E '^({string.Join('|', names)})='\n"));
            text.ShouldNotContain("\"error\"");
        }
    }

    /// <summary>CVE-2021-41091, CVE-2020-27534: what builds keep on the way is out of other users' reach, and under no name that could be known before.</summary>
    [Fact]
    public async Task Other_users_of_the_machine_see_nothing_of_builds()
    {
        if (!_engine.IsWharf) Assert.Skip("looks into the data root");
        await BuildAsync("", Text("Dockerfile", "FROM busybox\nCOPY f /p\n"), Text("f", "x"));
        foreach (var directory in new[] { Path.Combine(_engine.DataRoot, "build"), Path.Combine(_engine.DataRoot, "build", "context"), _engine.ExecRoot })
            (await CommandResult.RunAsync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "ls", directory])).ExitCode.ShouldNotBe(0, directory);
    }

    [Fact] // CVE-2024-23653
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
        // One permission is not another.
        (await _engine.WharfAsync("build", "--no-cache", "--allow", "device", context)).ShouldExit(1).Error.ShouldContain("network.host");
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
