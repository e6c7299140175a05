using System.Formats.Tar;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Flags of <c>docker buildx build</c> that the engine, not the client, must heed. All of it holds on docker 28 too.</summary>
public sealed class BuildxFlagTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-flags-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private async Task<CommandResult> BuildAsync(string dockerfile, params string[] args)
    {
        Directory.CreateDirectory(Path.Combine(_context, "in"));
        await File.WriteAllTextAsync(Path.Combine(_context, "in", "Dockerfile"), dockerfile, TestContext.Current.CancellationToken);
        return await Buildx.RunAsync(engine, ["build", .. args, Path.Combine(_context, "in")]);
    }

    [Fact]
    public async Task Steps_are_in_the_cgroup_that_the_client_names()
    {
        var parent = "bxf-" + Guid.NewGuid().ToString("n");
        try { (await BuildAsync("FROM busybox\nRUN cat /proc/self/cgroup\n", "--no-cache", "--cgroup-parent", "/" + parent)).ShouldExit(0).Error.ShouldContain($"/{parent}/"); }
        finally { CgroupParent.Remove(parent); }
    }

    [Fact]
    public async Task Squash_is_said_to_be_gone_and_leaves_the_layers()
    {
        (await BuildAsync("FROM busybox\nRUN echo 1 > /one\nRUN echo 2 > /two\n", "--squash", "-t", "bxf-squash")).ShouldExit(0).Error.ShouldContain("experimental flag squash is removed with BuildKit");
        (await engine.DockerAsync("image", "inspect", "bxf-squash", "--format", "{{len .RootFS.Layers}}")).ShouldExit(0).Text.ShouldBe("3");
        (await engine.DockerAsync("rmi", "bxf-squash")).ShouldExit(0);
    }

    [Fact]
    public async Task Pull_asks_the_registry_for_a_base_that_is_here()
    {
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, "registry"));
        var name = $"127.0.0.1:{registry.Port}/bxf/base:1";
        (await BuildAsync("FROM busybox\nENV WHICH=old\n", "-t", name)).ShouldExit(0);
        (await BuildAsync("FROM busybox\nENV WHICH=new\n", "-t", name, "--push", "--provenance=false")).ShouldExit(0);
        (await engine.DockerAsync("rmi", "-f", name)).ExitCode.ShouldBeInRange(0, 1);
        (await BuildAsync("FROM busybox\nENV WHICH=old\n", "-t", name)).ShouldExit(0);
        (await BuildAsync($"FROM {name}\nRUN echo is $WHICH\n", "--no-cache")).ShouldExit(0).Error.ShouldContain("is old");
        (await BuildAsync($"FROM {name}\nRUN echo is $WHICH\n", "--no-cache", "--pull")).ShouldExit(0).Error.ShouldContain("is new");
        (await engine.DockerAsync("rmi", "-f", name)).ExitCode.ShouldBeInRange(0, 1);
    }

    [Fact]
    public async Task A_build_record_is_exported_as_an_OCI_archive()
    {
        var record = Path.Combine(_context, "record.dockerbuild");
        (await BuildAsync($"FROM busybox\nRUN echo {Guid.NewGuid()}\n", "--metadata-file", Path.Combine(_context, "meta"))).ShouldExit(0);
        (await Buildx.RunAsync(engine, ["buildx", "history", "export", "-o", record])).ShouldExit(0);
        await using var file = File.OpenRead(record);
        await using var plain = new System.IO.Compression.GZipStream(file, System.IO.Compression.CompressionMode.Decompress);
        await using var tar = new TarReader(plain);
        var names = new List<string>();
        while (await tar.GetNextEntryAsync(cancellationToken: TestContext.Current.CancellationToken) is { } entry) names.Add(entry.Name);
        names.ShouldContain("index.json");
    }
}
