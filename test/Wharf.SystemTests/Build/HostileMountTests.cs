using System.Formats.Tar;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Steps that exchange what another step of the same build mounts, while it is mounted (CVE-2024-23651, CVE-2024-11218, CVE-2021-30465).</summary>
public sealed class HostileMountTests(EngineFixture engine) : IDisposable
{
    private readonly HostMarker _host = new();
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-race-").FullName;

    public void Dispose()
    {
        _host.Dispose();
        Directory.Delete(_context, recursive: true);
    }

    /// <summary>
    /// One stage turns a directory of a cache into a link to the host and back for as long as the other one mounts in it, and on it. Both are needed by the
    /// last stage, so they run at the same time.
    /// </summary>
    [Theory]
    [InlineData("--mount=type=tmpfs,target=/c/d/empty")]
    [InlineData("--mount=type=bind,target=/c/d/empty,rw")]
    [InlineData("--mount=type=bind,from=base,source=/bin/busybox,target=/c/d/marker")]
    [InlineData("--mount=type=cache,id=ID-second,target=/c/d/new")]
    public async Task A_place_that_is_exchanged_while_it_is_mounted_leads_nowhere(string mount)
    {
        Buildx.Require("docker-buildx");
        var id = Guid.NewGuid().ToString("n");
        mount = mount.Replace("ID", id, StringComparison.Ordinal);
        var cache = $"--mount=type=cache,id={id},target=/c,sharing=shared";
        var steps = string.Join('\n', Enumerable.Range(0, 8).Select(i => $"RUN {cache} {mount} echo {i}; cat /c/d/marker; touch /c/d/empty/planted /c/d/new/planted /c/d/planted; true"));
        await File.WriteAllTextAsync(_context + "/Dockerfile", $"""
            FROM busybox AS base
            FROM base AS racer
            RUN {cache} rm -f /c/over; mkdir -p /c/d/empty; touch /c/racing; i=0; while [ ! -e /c/over ] && [ $i -lt 20000 ]; do mv /c/d /c/was; ln -s {_host.Directory} /c/d; rm /c/d; mv /c/was /c/d; i=$((i+1)); done 2>/dev/null; echo raced > /raced
            FROM base AS victim
            RUN {cache} i=0; until [ -e /c/racing ] || [ $i -gt 200 ]; do usleep 50000; i=$((i+1)); done
            {steps}
            RUN {cache} touch /c/over /mounted
            FROM base
            COPY --from=racer /raced /
            COPY --from=victim /mounted /
            """, TestContext.Current.CancellationToken);
        var build = await Buildx.RunAsync(engine, ["build", "--no-cache", _context], seconds: 180);
        // A step that met the exchange may fail; the others go on until one does.
        (build.Out + build.Error).ShouldNotContain(_host.Secret);
        _host.ShouldBeUntouched();
        await ReleaseAsync(id);
    }

    /// <summary>Ends a racer that outlived its build, and takes the caches away.</summary>
    private async Task ReleaseAsync(string id)
    {
        await File.WriteAllTextAsync(_context + "/Dockerfile", $"FROM busybox\nRUN --mount=type=cache,id={id},target=/c touch /c/over && rm -rf /c/d\n");
        (await Buildx.RunAsync(engine, ["build", "--no-cache", _context], seconds: 180)).ShouldExit(0);
    }

    /// <summary>CVE-2024-23652: what was made to mount on is taken away again, in the step's own root, whatever the step put in its place.</summary>
    [Theory]
    [InlineData("RUN --mount=type=tmpfs,target=/in/empty mv /in /was && ln -s OUT /in")]
    [InlineData("RUN --mount=type=tmpfs,target=/in/a/empty mv /in /was && mkdir /in && ln -s OUT /in/a")]
    [InlineData("RUN --mount=type=bind,from=base,source=/bin/busybox,target=/in/marker mv /in /was && ln -s OUT /in")]
    [InlineData("RUN --mount=type=cache,target=/in/../in/./empty mv /in /was && ln -s OUT /in")]
    public async Task Cleaning_up_after_mounts_stays_in_the_steps_root(string step)
    {
        Buildx.Require("docker-buildx");
        await File.WriteAllTextAsync(_context + "/Dockerfile", $"FROM busybox AS base\nFROM base\n{step.Replace("OUT", _host.Directory, StringComparison.Ordinal)}\nRUN test -L /in || test -L /in/a\n", TestContext.Current.CancellationToken);
        (await Buildx.RunAsync(engine, ["build", "--no-cache", _context])).ShouldExit(0);
        _host.ShouldBeUntouched();
    }

    /// <summary>CVE-2023-0778's kind: an archive that is put into a cache stays in it, and what is taken out of one is what lies in it.</summary>
    [Fact]
    public async Task An_archive_for_a_cache_leaves_it_alone()
    {
        if (!engine.IsWharf) Assert.Skip("docker's caches are not imported");
        var id = Guid.NewGuid().ToString("n");
        var archive = Path.Combine(_context, "hostile.tar");
        await using (var tar = new TarWriter(File.Create(archive)))
        {
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.SymbolicLink, "out") { LinkName = _host.Directory }, TestContext.Current.CancellationToken);
            foreach (var name in new[] { "out/planted", "../../../../../../../.." + _host.Directory + "/planted", _host.Directory + "/planted", "in" })
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream("x"u8.ToArray()) }, TestContext.Current.CancellationToken);
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.HardLink, "hard") { LinkName = "../../../../../../../.." + _host.File }, TestContext.Current.CancellationToken);
        }
        await engine.WharfAsync("builder", "mount", "import", id, archive);
        _host.ShouldBeUntouched();
        var taken = Path.Combine(_context, "taken.tar");
        await engine.WharfAsync("builder", "mount", "export", "-o", taken, id);
        if (File.Exists(taken)) (await File.ReadAllTextAsync(taken)).ShouldNotContain(_host.Secret);
    }

    /// <summary>A tree deeper than any path can name is counted, and goes, all the same: of a cache, of a layer, of what a step wrote over its context, and of a volume.</summary>
    [Fact]
    public async Task A_tree_without_end_is_counted_and_removed()
    {
        if (!engine.IsWharf) Assert.Skip("docker cannot remove such a cache");
        var id = Guid.NewGuid().ToString("n");
        const string Nest = "n=$(printf %0200d 0); p=$n; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do p=$p/$n; done; mkdir -p a/$p b/$p && mv b a/$p/";
        await File.WriteAllTextAsync(_context + "/Dockerfile", $"FROM busybox\nRUN --mount=type=cache,id={id},target=/c --mount=type=bind,target=/m,rw cd /c && {Nest} && cd /m && {Nest}\n", TestContext.Current.CancellationToken);
        (await engine.WharfAsync("build", "--no-cache", "-o", "type=cacheonly", _context)).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "-v", id + ":/v", "busybox", "sh", "-c", "cd /v && " + Nest)).ShouldExit(0);
        (await engine.DockerAsync("system", "df", "-v")).ShouldExit(0).Out.ShouldContain(id);
        (await engine.DockerAsync("volume", "rm", id)).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        (await engine.DockerAsync("system", "df", "-v")).ShouldExit(0).Out.ShouldNotContain(id);
    }

    /// <summary>A list of an image's packages is read from files that the image made, which may be anything.</summary>
    [Theory]
    [InlineData("ln -s OUT/marker /var/lib/dpkg/status")]
    [InlineData("mkfifo /var/lib/dpkg/status")]
    [InlineData("rmdir /var/lib/dpkg && ln -s OUT /var/lib/dpkg && ln -s marker /lib/apk/db/installed")]
    [InlineData("ln -s /dev/zero /lib/apk/db/installed")]
    [InlineData("ln -s OUT /usr/lib/python3/dist-packages/a.dist-info && ln -s OUT /usr/lib/node_modules/a")]
    public async Task A_bill_of_materials_reads_nothing_of_the_host(string step)
    {
        if (!engine.IsWharf) Assert.Skip("docker scans with an image of its own");
        await File.WriteAllTextAsync(_context + "/Dockerfile", $"FROM busybox\nRUN mkdir -p /var/lib/dpkg /lib/apk/db /usr/lib/python3/dist-packages /usr/lib/node_modules && {step.Replace("OUT", _host.Directory, StringComparison.Ordinal)}\n", TestContext.Current.CancellationToken);
        var output = Path.Combine(_context, "out");
        (await engine.WharfAsync("build", "--no-cache", "--sbom=true", "--provenance=mode=max", "-o", $"type=oci,tar=false,dest={output}", _context)).ShouldExit(0);
        Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories).Count().ShouldBeGreaterThan(4);
        (await CommandResult.RunAsync("grep", ["-rlF", _host.Secret, output])).Out.ShouldBeEmpty();
    }
}
