using System.Formats.Tar;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.MainJob;

/// <summary>Bad input is told clearly, and nothing is lost or left behind.</summary>
public sealed class BadInputTests(EngineFixture engine)
{
    [Fact]
    public async Task A_broken_archive_is_refused_and_leaves_no_image()
    {
        (await engine.DockerAsync(Encoding.ASCII.GetBytes("this is no tar archive, whatever its name says, and it is long enough"), "load")).ExitCode.ShouldBe(1);
        (await engine.DockerAsync(BusyboxImage.Tar()[..400_000], "import", "-", "torn:latest")).ShouldExit(1).Error.ShouldContain("unexpected EOF");
        (await engine.DockerAsync("images", "-q", "torn")).ShouldExit(0).Out.ShouldBe("");
    }

    [Fact]
    public async Task A_layer_whose_content_does_not_match_its_digest_is_refused()
    {
        var layer = Archive(tar => Add(tar, "file", "content"));
        var config = Encoding.UTF8.GetBytes("""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:DIFF"]},"config":{}}""".Replace("DIFF", new string('a', 64)));
        var name = Convert.ToHexStringLower(SHA256.HashData(config));
        var image = Archive(tar =>
        {
            Add(tar, name + ".json", config);
            Add(tar, "layer.tar", layer);
            Add(tar, "manifest.json", Encoding.UTF8.GetBytes($$"""[{"Config":"{{name}}.json","RepoTags":["wrongdigest:latest"],"Layers":["layer.tar"]}]"""));
        });
        (await engine.DockerAsync(image, "load")).ShouldExit(1).Error.ShouldContain("invalid diffID");
        (await engine.DockerAsync("images", "-q", "wrongdigest")).ShouldExit(0).Out.ShouldBe("");
    }

    [Theory]
    [InlineData("../../escaped-file")]
    [InlineData("/../../escaped-file")]
    public async Task An_archive_that_climbs_out_of_the_root_writes_nothing_outside(string path)
    {
        var marker = Path.Combine(engine.Root, "escaped-file");
        var depth = string.Concat(Enumerable.Repeat("../", 12));
        var archive = Archive(tar =>
        {
            Add(tar, path, "x");
            Add(tar, depth + marker[1..], "x");
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "out") { LinkName = engine.Root });
            Add(tar, "out/escaped-file", "x");
        });
        var result = await engine.DockerAsync(archive, "import", "-", "climber:latest");
        File.Exists(marker).ShouldBeFalse();
        File.Exists("/escaped-file").ShouldBeFalse();
        if (result.ExitCode == 0) (await engine.DockerAsync("rmi", "climber:latest")).ShouldExit(0);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named_and_the_container_stays_created()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        int port = ((IPEndPoint)holder.LocalEndpoint).Port;
        var id = (await engine.DockerAsync("create", "-p", $"127.0.0.1:{port}:80", "busybox", "true")).ShouldExit(0).Text;
        (await engine.DockerAsync("start", id)).ShouldExit(1).Error.ShouldContain("address already in use");
        (await engine.DockerAsync("inspect", "--format", "{{.State.Status}}", id)).Text.ShouldBe("created");
        holder.Stop();
        (await engine.DockerAsync("start", id)).ShouldExit(0);
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    [Theory]
    [InlineData("Invalid container name (a b)", "create", "--name", "a b", "busybox")]
    [InlineData("Minimum memory limit allowed is 6MB", "create", "--memory", "1m", "busybox")]
    [InlineData("invalid mount config", "create", "--mount", "type=bind,src=/no/such/path,dst=/x", "busybox")]
    [InlineData("No such container: nothere", "start", "nothere")]
    [InlineData("No such image: nothere:latest", "history", "nothere")]
    public async Task Refusals_name_the_object(string message, params string[] command)
    {
        var result = await engine.DockerAsync(command);
        result.ExitCode.ShouldNotBe(0, result.Out);
        result.Error.ShouldContain(message);
    }

    [Fact]
    public async Task A_daemon_killed_in_the_middle_of_creates_loses_none_that_it_confirmed_and_keeps_no_half_one()
    {
        if (!engine.IsWharf) return;
        var ids = new List<string>();
        var creating = Task.Run(async () =>
        {
            for (int i = 0; i < 200; i++)
            {
                var result = await engine.DockerAsync("create", "--label", "torn=yes", "busybox", "true");
                if (result.ExitCode != 0) return;
                ids.Add(result.Text);
            }
        });
        await WaitAsync(() => ids.Count > 3);
        await engine.KillDaemonAsync();
        await creating;
        await engine.StartDaemonAsync();
        var there = (await engine.DockerAsync("ps", "-aq", "--no-trunc", "--filter", "label=torn=yes")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        ids.ShouldBeSubsetOf(there);
        foreach (var id in there) (await engine.DockerAsync("start", "-a", id)).ShouldExit(0);
        (await engine.DockerAsync(["rm", .. there])).ShouldExit(0);
    }

    [Fact]
    public async Task A_full_disk_is_told_and_the_daemon_goes_on()
    {
        if (!engine.IsWharf) return;
        // A daemon of its own whose data root is a file system too small for the image.
        var root = Path.Combine(engine.Root, "small");
        Directory.CreateDirectory(root);
        (await CommandResult.RunAsync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", root])).ShouldExit(0);
        try
        {
            await using var small = await SmallDaemon.StartAsync(engine, root);
            var import = await small.DockerAsync(BusyboxImage.Tar().Concat(BusyboxImage.Tar()).ToArray(), "import", "-", "first:latest");
            var second = await small.DockerAsync(Archive(tar => Add(tar, "big", RandomNumberGenerator.GetBytes(4 << 20))), "import", "-", "second:latest");
            second.ExitCode.ShouldBe(1, second.Out + import.Out);
            second.Error.ShouldContain("no space left on device", Case.Insensitive);
            (await small.DockerAsync([], "images", "-q", "second")).ShouldExit(0).Out.ShouldBe("");
            (await small.DockerAsync(Archive(tar => Add(tar, "little", "x")), "import", "-", "third:latest")).ShouldExit(0);
        }
        finally { (await CommandResult.RunAsync("umount", [root])).ShouldExit(0); }
    }

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (int i = 0; i < 300 && !condition(); i++) await Task.Delay(50);
        condition().ShouldBeTrue();
    }

    private static byte[] Archive(Action<TarWriter> fill)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true)) fill(tar);
        return stream.ToArray();
    }

    private static void Add(TarWriter tar, string name, string content) => Add(tar, name, Encoding.UTF8.GetBytes(content));
    private static void Add(TarWriter tar, string name, byte[] content) => tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
}
