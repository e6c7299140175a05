using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>The store itself: what goes in comes out whole, what is damaged is found, what is unused is freed, what is counted is there.</summary>
public sealed class StoreTests
{
    [Theory]
    [InlineData("overlay2")]
    [InlineData("erofs")]
    [InlineData("composefs")]
    [InlineData("vfs")]
    [InlineData("btrfs")]
    public async Task A_tree_with_everything_a_layer_can_hold_survives_every_way_through_the_engine(string driver)
    {
        await using var started = await DriverEngine.StartAsync(driver);
        var engine = started.Engine;
        await using var registry = await LocalRegistry.StartAsync();
        var tree = Path.Combine(engine.Root, "tree");
        await TestTrees.WriteAsync(tree);
        await RoundTripAsync(engine, registry, tree);
    }

    /// <summary>
    /// The long form (<c>./dev roundtrip</c>): <c>WHARF_DEBIAN=ROOTFS.TAR[:MORE.TAR]</c> names archives of a Debian root file system (debootstrap's, of about 300 MB), which are unpacked over each other.
    /// </summary>
    [Fact]
    public async Task A_whole_debian_survives_every_way_through_the_engine()
    {
        var archives = Environment.GetEnvironmentVariable("WHARF_DEBIAN") ?? "";
        if (archives.Length == 0) Assert.Skip("the long form: WHARF_DEBIAN names no archive of a root file system");
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var tree = Path.Combine(engine.Root, "tree");
        foreach (var archive in archives.Split(':')) await TestTrees.UnpackAsync(archive, tree);
        await RoundTripAsync(engine, registry, tree);
    }

    /// <summary>The short form, of what every machine has: programs, hard links and set-ID bits, time zones, scripts; some tens of megabytes.</summary>
    [Fact]
    public async Task A_part_of_this_machine_survives_every_way_through_the_engine()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var tree = Directory.CreateDirectory(Path.Combine(engine.Root, "tree")).FullName;
        Directory.CreateDirectory(Path.Combine(tree, "dev")); // every container has one
        string[] parts = [.. ((string[])["usr/sbin", "usr/lib/git-core", "usr/share/zoneinfo", "usr/share/perl", "usr/share/i18n", "etc/alternatives", "var/mail"]).Where(part => Directory.Exists("/" + part))];
        (await CommandResult.RunAsync("rsync", ["-aXAHR", "--numeric-ids", .. parts.Select(part => "/./" + part), tree + "/"], seconds: 240)).ShouldExit(0);
        new DirectoryInfo(tree).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.LinkTarget is null).Sum(file => file.Length).ShouldBeGreaterThan(20 << 20);
        await RoundTripAsync(engine, registry, tree);
    }

    [Theory]
    [InlineData("pax")]
    [InlineData("gnu")]
    public async Task A_sparse_file_of_nine_gigabytes_does_not_take_the_disk(string format)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var tree = Path.Combine(engine.Root, "tree");
        (await CommandResult.RunAsync("sh", ["-ec", $"mkdir {tree} && cd {tree} && cp /bin/busybox . && truncate -s 9G huge && printf end | dd of=huge bs=1 seek=9000000000 conv=notrunc status=none && tar --format={format} -cSf ../tree.tar ."])).ShouldExit(0);
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/sparse";
        await EveryWayAsync(engine, api, name, tree + ".tar");
        const string Look = "/busybox stat -c %s huge && /busybox dd if=/huge bs=3 skip=3000000000 count=1 2>/dev/null";
        (await engine.DockerAsync("run", "--rm", "--network", "none", $"{name}:v1", "/busybox", "sh", "-c", Look)).ShouldExit(0).Text.ShouldBe("9663676416\nend");
        (await engine.WharfAsync("system", "check")).ShouldExit(0).Text.ShouldContain("all is well");
        var used = (await CommandResult.RunAsync("du", ["-sm", engine.DataRoot])).ShouldExit(0).Text.Split('\t')[0];
        int.Parse(used, System.Globalization.CultureInfo.InvariantCulture).ShouldBeLessThan(20);
    }

    /// <summary>Import, push, rmi, pull, save, rmi, load, export, import, export: the tree stays what it was, told by rsync.</summary>
    private static async Task RoundTripAsync(EngineFixture engine, LocalRegistry registry, string tree)
    {
        var packed = await TestTrees.PackAsync(tree, Path.Combine(engine.Root, "tree.tar"));
        // The yardstick is what GNU tar and rsync make of the archive.
        (await TestTrees.DifferencesAsync(tree, await TestTrees.UnpackAsync(packed, Path.Combine(engine.Root, "yardstick")))).ShouldBe("");
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/tree";
        var saved = await EveryWayAsync(engine, api, name, packed);
        // The layer comes out byte for byte as it went in.
        var layout = await TestTrees.UnpackAsync(saved, Path.Combine(engine.Root, "layout"));
        var layer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(layout, "manifest.json")))![0]!["Layers"]![0]!.GetValue<string>();
        (await CommandResult.RunAsync("cmp", [Path.Combine(layout, layer), packed])).ShouldExit(0);
        // And the tree of a container is the tree; so is that of an image made of its export.
        var exported = await ExportAsync(engine, api, name, tree, "first");
        await using (var stream = File.OpenRead(exported)) (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v2", stream)).Status.ShouldBe(200);
        (await api.PostAsync($"/images/{name}:v2/tag?repo={name}&tag=v1")).Status.ShouldBe(201);
        await ExportAsync(engine, api, name, tree, "second");
    }

    /// <summary>The archive becomes the image NAME:v1, which is pushed, removed, pulled, saved, removed and loaded. Returns what was saved.</summary>
    private static async Task<string> EveryWayAsync(EngineFixture engine, EngineApi api, string name, string archive)
    {
        await using (var stream = File.OpenRead(archive)) (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", stream)).Status.ShouldBe(200);
        (await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await api.PostAsync($"/images/create?fromImage={name}&tag=v1")).StreamError.ShouldBeNull();
        var saved = await api.DownloadAsync($"/images/{name}:v1/get", Path.Combine(engine.Root, "saved.tar"));
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        await using (var stream = File.OpenRead(saved)) (await api.PostTarAsync("/images/load?quiet=1", stream)).Text.ShouldContain("Loaded image");
        return saved;
    }

    private static async Task<string> ExportAsync(EngineFixture engine, EngineApi api, string name, string tree, string round)
    {
        var id = (await api.PostAsync("/containers/create", $$"""{"Image":"{{name}}:v1","Cmd":["x"]}""")).Json["Id"]!.GetValue<string>();
        var tar = await api.DownloadAsync($"/containers/{id}/export", Path.Combine(engine.Root, round + ".tar"));
        var exported = await TestTrees.UnpackAsync(tar, Path.Combine(engine.Root, round));
        // An export has no entry for the root itself, and names for what every container has mounted.
        (await CommandResult.RunAsync("chmod", ["--reference", tree, exported])).ShouldExit(0);
        (await CommandResult.RunAsync("touch", ["-r", tree, exported])).ShouldExit(0);
        string[] mounted = ["/proc", "/sys", "/dev/pts", "/dev/shm", "/dev/console", "/.dockerenv", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"];
        if (!Directory.Exists(Path.Combine(tree, "etc"))) mounted = [.. mounted, "/etc"];
        (await TestTrees.DifferencesAsync(tree, exported, mounted)).ShouldBe("");
        await api.DeleteAsync($"/containers/{id}");
        return tar;
    }

    [Fact]
    public async Task A_check_finds_damage_and_repairs_what_can_be()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--keep-layer-blobs");
        await using var registry = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/checked";
        (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small("checked"))).Status.ShouldBe(200);
        (await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await api.PostAsync($"/images/create?fromImage={name}&tag=v1")).StreamError.ShouldBeNull();
        (await engine.WharfAsync("system", "check")).ShouldExit(0).Text.ShouldContain("all is well");
        var file = await UnpackedAsync(engine);
        await File.WriteAllTextAsync(file, "damaged");
        var found = await engine.WharfAsync("system", "check");
        found.ShouldExit(1).Out.ShouldContain("layer sha256:");
        (await engine.WharfAsync("system", "check", "--repair")).ShouldExit(0).Out.ShouldContain("unpacked again from its compressed form");
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
        File.ReadAllText(await UnpackedAsync(engine)).ShouldBe("checked");
        // Without its compressed form a layer is whole as long as its data is: modes, owners and what does not belong there are put right.
        var unpacked = await UnpackedAsync(engine);
        File.SetUnixFileMode(unpacked, UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(unpacked)!, "added"), "");
        (await engine.WharfAsync("system", "check")).ShouldExit(1).Out.ShouldContain("/added is not of this layer, and 1 more like this");
        (await engine.WharfAsync("system", "check", "--repair")).ShouldExit(0).Out.ShouldContain("unpacked again from what is whole of it");
        (await engine.WharfAsync("system", "check")).ShouldExit(0).Text.ShouldContain("all is well");
        // A damaged blob goes; the image's configuration among them takes the image along.
        var id = (await api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>();
        await File.AppendAllTextAsync(Path.Combine(engine.DataRoot, "content", "blobs", "sha256", id[7..]), " ");
        (await engine.WharfAsync("system", "check", "--repair")).ShouldExit(0).Out.ShouldContain("blob " + id);
        (await api.GetAsync($"/images/{name}:v1/json")).Status.ShouldBe(404);
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
    }

    /// <summary>The file of the one layer that is unpacked. What a repair replaced is removed a little later.</summary>
    private static async Task<string> UnpackedAsync(EngineFixture engine)
    {
        using var patience = new CancellationTokenSource(CommandResult.Patience(20));
        while (true)
        {
            if (Directory.GetFiles(Path.Combine(engine.DataRoot, "snapshots"), "name", SearchOption.AllDirectories) is [var only]) return only;
            await Task.Delay(20, patience.Token);
        }
    }

    [Fact]
    public async Task The_store_is_whole_after_a_kill_at_any_moment()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var archive = new List<byte[]>();
        using (var api = new EngineApi(engine.SocketPath))
        {
            for (int i = 0; i < 3; i++) (await api.PostTarAsync($"/images/create?fromSrc=-&repo={registry.Address}/kill{i}&tag=v1", TestTrees.Small("kill" + i, 3_000_000))).Status.ShouldBe(200);
            for (int i = 0; i < 3; i++)
            {
                (await api.PostAsync($"/images/{registry.Address}/kill{i}/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
                archive.Add((await api.GetAsync($"/images/{registry.Address}/kill{i}:v1/get")).Body);
            }
        }
        var random = new Random(42);
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("WHARF_TORTURE"), out int asked) ? asked : 4;
        for (int round = 0; round < rounds; round++)
        {
            using var api = new EngineApi(engine.SocketPath);
            var work = new List<Task>();
            for (int i = 0; i < 3; i++)
            {
                var image = $"{registry.Address}/kill{i}";
                var saved = archive[i];
                work.Add(WithoutAnswerAsync(async () =>
                {
                    await api.DeleteAsync($"/images/{image}:v1?force=1");
                    await api.PostAsync($"/images/create?fromImage={image}&tag=v1");
                    await api.DeleteAsync($"/images/{image}:v1");
                    await api.PostTarAsync("/images/load", saved);
                }));
            }
            await Task.Delay(random.Next(5, 250));
            await engine.KillDaemonAsync();
            await Task.WhenAll(work);
            await engine.StartDaemonAsync();
            var check = await engine.WharfAsync("system", "check");
            check.ShouldExit(0);
        }
        using var last = new EngineApi(engine.SocketPath);
        for (int i = 0; i < 3; i++) (await last.PostAsync($"/images/create?fromImage={registry.Address}/kill{i}&tag=v1")).StreamError.ShouldBeNull();
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
    }

    private static async Task WithoutAnswerAsync(Func<Task> work)
    {
        try { await work(); }
        catch (HttpRequestException) { /* the daemon was killed, as the test means it to be */ }
    }

    [Theory]
    [InlineData("overlay2")]
    [InlineData("erofs")]
    [InlineData("composefs")]
    [InlineData("vfs")]
    [InlineData("btrfs")]
    public async Task Unused_images_leave_nothing_and_the_ledger_is_what_du_tells(string driver)
    {
        await using var started = await DriverEngine.StartAsync(driver);
        var engine = started.Engine;
        using var api = new EngineApi(engine.SocketPath);
        for (int i = 0; i < 3; i++) (await api.PostTarAsync($"/images/create?fromSrc=-&repo=ledger{i}", TestTrees.Small("ledger" + i, 2_000_000))).Status.ShouldBe(200);
        // A layer upon another, and two containers of the stack.
        (await engine.WharfAsync("FROM ledger0\nCOPY <<end /more\nmore\nend\n"u8.ToArray(), "build", "--network", "none", "-t", "ledger3", "-")).ShouldExit(0);
        // What takes a block each by what stat tells, and none on btrfs.
        (await CommandResult.RunAsync("sh", ["-ec", $"mkdir {engine.Root}/links && cd {engine.Root}/links && for i in $(seq 300); do ln -s to l$i; done && tar -cf ../links.tar ."])).ShouldExit(0);
        (await engine.DockerAsync("import", engine.Root + "/links.tar", "links")).ShouldExit(0);
        foreach (var image in (string[])["ledger0", "ledger3", "links"]) (await engine.DockerAsync("create", "--name", image, image, "x")).ShouldExit(0);
        (await CommandResult.RunAsync("sync", ["-f", engine.DataRoot])).ShouldExit(0);
        var ledger = JsonNode.Parse((await api.GetAsync("/wharf/disk")).Body)!.AsArray().ToDictionary(entry => entry!["Use"]!.GetValue<string>(), entry => entry!["Bytes"]!.GetValue<long>());
        bool isBtrfs = (await CommandResult.RunAsync("stat", ["-f", "-c", "%T", engine.DataRoot])).ShouldExit(0).Text == "btrfs";
        long du = await UsedAsync(isBtrfs, engine.DataRoot);
        Math.Abs(ledger.Values.Sum() - du).ShouldBeLessThan(du / 100 + 65536);
        if (isBtrfs) ledger["containers' writable layers"].ShouldBeLessThan(100_000);
        (await api.GetAsync("/system/df")).Json["LayersSize"]!.GetValue<long>().ShouldBeInRange(6_000_000, 6_100_000);
        (await engine.DockerAsync("ps", "-as", "--filter", "name=ledger", "--format", "{{.Size}}")).ShouldExit(0).Text.Split('\n').ShouldAllBe(size => size.StartsWith("0B (virtual 2"));
        (await engine.DockerAsync("rm", "ledger0", "ledger3", "links")).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        foreach (var image in (string[])["ledger3", "ledger0", "ledger1", "ledger2", "links"]) (await api.DeleteAsync($"/images/{image}")).Status.ShouldBe(200);
        (await api.GetAsync("/system/df")).Json["LayersSize"]!.GetValue<long>().ShouldBe(0);
        Directory.GetFiles(Path.Combine(engine.DataRoot, "content", "blobs", "sha256")).ShouldBeEmpty();
        for (int i = 0; i < 50 && Directory.GetDirectories(Path.Combine(engine.DataRoot, "snapshots")).Length > 1; i++) await Task.Delay(50);
        Directory.GetDirectories(Path.Combine(engine.DataRoot, "snapshots")).Select(Path.GetFileName).ShouldBe(["base"]);
    }

    /// <summary>What the file system's own tool counts: on btrfs the one that knows which data files share.</summary>
    private static async Task<long> UsedAsync(bool isBtrfs, string path)
    {
        if (!isBtrfs) return long.Parse((await CommandResult.RunAsync("du", ["-sx", "-B1", path])).ShouldExit(0).Text.Split('\t')[0]);
        var columns = (await CommandResult.RunAsync("btrfs", ["filesystem", "du", "-s", "--raw", path])).ShouldExit(0).Text.Split('\n')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(columns[1]) + long.Parse(columns[2]); // exclusive and shared
    }

    [Fact]
    public async Task A_daemon_under_a_large_image_stays_small()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/large";
        var tar = Path.Combine(engine.Root, "large.tar");
        var data = Path.Combine(engine.Root, "large");
        Directory.CreateDirectory(data);
        await File.WriteAllBytesAsync(Path.Combine(data, "noise"), TestTrees.Noise(250 << 20, 1));
        (await CommandResult.RunAsync("tar", ["-C", data, "-cf", tar, "."])).ShouldExit(0);
        await using (var stream = File.OpenRead(tar)) (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", stream)).Status.ShouldBe(200);
        (await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await api.PostAsync($"/images/create?fromImage={name}&tag=v1")).StreamError.ShouldBeNull();
        engine.TakePeak().ShouldBeLessThan(150_000_000);
    }
}
