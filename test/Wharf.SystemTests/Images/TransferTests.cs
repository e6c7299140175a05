using System.Diagnostics;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Transfers over bad lines, across a daemon's death, through mirrors, proxies and TLS: each with a daemon of its own.</summary>
public sealed class TransferTests
{
    private const int LayerBytes = 6 << 20;

    private static EngineFixture Fresh() => new() { };

    /// <summary>An image of two layers, one of noise, pushed to a registry; gives its ID.</summary>
    private static async Task<string> PushAsync(EngineFixture engine, LocalRegistry registry, string repository, int bytes = LayerBytes)
    {
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/{repository}";
        var imported = await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small(repository, bytes));
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        await api.DeleteAsync($"/images/{name}:v1");
        return imported.Lines[^1]["status"]!.GetValue<string>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_line_that_cuts_at_random_brings_the_right_image_and_no_byte_twice(bool resets)
    {
        await using var engine = Fresh();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var id = await PushAsync(engine, registry, "cut");
        using var proxy = new CuttingProxy(registry.Port) { MostBytes = 900_000, Resets = resets };
        using var api = new EngineApi(engine.SocketPath);
        var pulled = await api.PostAsync($"/images/create?fromImage={proxy.Address}/cut&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        (await api.GetAsync($"/images/{proxy.Address}/cut:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        proxy.Cuts.ShouldBeGreaterThan(5);
        // Each request begins at the very byte where the cut before it was: all that had been delivered was kept.
        foreach (var blob in proxy.Transfers.GroupBy(transfer => transfer.Path))
        {
            long at = 0;
            foreach (var transfer in blob)
            {
                transfer.From.ShouldBe(at, $"{blob.Key} after {at} bytes");
                at = transfer.Until;
            }
            blob.Last().End.ShouldBe(TransferEnd.Whole);
        }
        proxy.Bytes().Again.ShouldBe(0);
    }

    [Fact]
    public async Task A_pull_goes_on_where_a_killed_daemon_left_it()
    {
        await using var engine = Fresh();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var id = await PushAsync(engine, registry, "killed");
        using var proxy = new CuttingProxy(registry.Port) { Pause = TimeSpan.FromMilliseconds(5) };
        var ingest = Path.Combine(engine.DataRoot, "content", "ingest");
        using (var api = new EngineApi(engine.SocketPath))
        {
            var pull = api.PostAsync($"/images/create?fromImage={proxy.Address}/killed&tag=v1");
            var watch = Stopwatch.StartNew();
            while (!Directory.EnumerateFiles(ingest).Any(path => new FileInfo(path).Length > LayerBytes / 4))
            {
                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
                await Task.Delay(10);
            }
            await engine.KillDaemonAsync();
            await Should.ThrowAsync<HttpRequestException>(pull);
        }
        var left = new FileInfo(Directory.EnumerateFiles(ingest).ShouldHaveSingleItem());
        long kept = left.Length;
        // The proxy notices by a failed write that its client is gone.
        var patience = Stopwatch.StartNew();
        for (; !proxy.Transfers.Any(transfer => transfer.Path.EndsWith(left.Name, StringComparison.Ordinal)); await Task.Delay(10)) patience.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        await engine.StartDaemonAsync();
        proxy.Pause = TimeSpan.Zero;
        using var after = new EngineApi(engine.SocketPath);
        var pulled = await after.PostAsync($"/images/create?fromImage={proxy.Address}/killed&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        (await after.GetAsync($"/images/{proxy.Address}/killed:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        var transfers = proxy.Transfers.Where(transfer => transfer.Path.EndsWith(left.Name, StringComparison.Ordinal)).ToList();
        transfers.Count.ShouldBe(2);
        // What is on the disk is not asked for again, and all but what was in buffers of sockets and of the daemon that died is on the disk.
        transfers[1].From.ShouldBe(kept);
        transfers[0].End.ShouldBe(TransferEnd.Left);
        (transfers[0].Until - kept).ShouldBeInRange(0, 256 << 10);
        Directory.EnumerateFiles(ingest).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_big_layer_on_a_slow_line_comes_over_several_connections_also_across_a_daemons_death()
    {
        const int Big = 48 << 20;
        await using var engine = Fresh();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        var id = await PushAsync(engine, registry, "big", Big);
        // Some 3 MB a second on each connection.
        using var proxy = new CuttingProxy(registry.Port) { Pause = TimeSpan.FromMilliseconds(5) };
        var ingest = Path.Combine(engine.DataRoot, "content", "ingest");
        using (var api = new EngineApi(engine.SocketPath))
        {
            var pull = api.PostAsync($"/images/create?fromImage={proxy.Address}/big&tag=v1");
            var watch = Stopwatch.StartNew();
            while (Directory.EnumerateFiles(ingest).Count(path => Path.HasExtension(path) && new FileInfo(path).Length > 1 << 20) < 2)
            {
                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
                await Task.Delay(10);
            }
            await engine.KillDaemonAsync();
            await Should.ThrowAsync<HttpRequestException>(pull);
        }
        proxy.MostAtOnce.ShouldBe(3);
        await engine.StartDaemonAsync();
        using var after = new EngineApi(engine.SocketPath);
        var pulled = await after.PostAsync($"/images/create?fromImage={proxy.Address}/big&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        (await after.GetAsync($"/images/{proxy.Address}/big:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        var (sent, again) = proxy.Bytes();
        sent.ShouldBeGreaterThan(Big);
        // Nothing that came to its end comes again; of a transfer that was left, for another fetched on from there or for the daemon's death, only what its sockets' buffers held.
        again.ShouldBeLessThanOrEqualTo(proxy.Transfers.Count(transfer => transfer.End == TransferEnd.Left) * (128 << 10));
        Directory.EnumerateFiles(ingest).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_newer_image_moves_only_the_layer_that_changed_and_equal_pulls_share_their_fetch()
    {
        await using var engine = Fresh();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        await PushAsync(engine, registry, "base");
        using var proxy = new CuttingProxy(registry.Port);
        using var api = new EngineApi(engine.SocketPath);
        var pulls = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => api.PostAsync($"/images/create?fromImage={proxy.Address}/base&tag=v1")));
        foreach (var pull in pulls) pull.StreamError.ShouldBeNull(pull.Text);
        proxy.Bytes().Sent.ShouldBeLessThan(LayerBytes * 3 / 2);
        // One layer more on top, made elsewhere and pushed under the same name.
        (await engine.DockerAsync("create", "--name", "delta", $"{proxy.Address}/base:v1", "x")).ShouldExit(0);
        (await engine.DockerAsync(TestTrees.Small("delta"), "cp", "-", "delta:/")).ShouldExit(0);
        (await engine.DockerAsync("commit", "delta", $"{registry.Address}/base:v2")).ShouldExit(0);
        (await engine.DockerAsync("push", $"{registry.Address}/base:v2")).ShouldExit(0);
        (await engine.DockerAsync("rm", "delta")).ShouldExit(0);
        (await engine.DockerAsync("rmi", "-f", $"{registry.Address}/base:v2")).ShouldExit(0);
        proxy.Forget();
        var second = await api.PostAsync($"/images/create?fromImage={proxy.Address}/base&tag=v2");
        second.StreamError.ShouldBeNull(second.Text);
        second.Lines.Select(line => line["status"]?.GetValue<string>()).ShouldContain("Already exists");
        proxy.Bytes().Sent.ShouldBeLessThan(20_000);
    }

    [Fact]
    public async Task Layers_that_several_pulls_want_at_once_are_fetched_and_unpacked_once()
    {
        await using var engine = Fresh();
        await engine.StartOwnAsync("--max-concurrent-downloads", "4");
        await using var registry = await LocalRegistry.StartAsync();
        // Ten layers, which leave out the directories of those below, replace files of theirs and link to them; the tags differ in the last one.
        using var http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        var layers = new List<byte[]>();
        for (int i = 0; i < 9; i++)
        {
            using var stream = new MemoryStream();
            using (var tar = new System.Formats.Tar.TarWriter(stream, System.Formats.Tar.TarEntryFormat.Pax, leaveOpen: true))
            {
                if (i == 0) tar.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.Directory, "deep/") { Mode = (UnixFileMode)0x1f8 });
                tar.WriteEntry(TestTrees.File($"deep/layer{i}", TestTrees.Noise(300_000, i)));
                tar.WriteEntry(TestTrees.File("deep/last", System.Text.Encoding.ASCII.GetBytes($"{i}")));
                if (i > 0) tar.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.HardLink, $"deep/link{i}") { LinkName = $"deep/layer{i - 1}" });
            }
            layers.Add(stream.ToArray());
        }
        for (int tag = 0; tag < 3; tag++) await writer.ImageAsync("shared", $"v{tag}", [.. layers, TestTrees.Small($"tag {tag}")]);
        using var proxy = new CuttingProxy(registry.Port);
        using var api = new EngineApi(engine.SocketPath);
        var pulls = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => api.PostAsync($"/images/create?fromImage={proxy.Address}/shared&tag=v{i % 3}")));
        foreach (var pull in pulls) pull.StreamError.ShouldBeNull(pull.Text);
        var (sent, again) = proxy.Bytes();
        // Configurations are small and each pull's own; of layers, no byte comes twice.
        again.ShouldBeLessThan(10_000);
        sent.ShouldBeLessThan(layers.Sum(layer => layer.Length) + 100_000);
        // Twelve layers and what lies under all.
        Directory.GetDirectories(Path.Combine(engine.DataRoot, "snapshots")).Length.ShouldBe(13);
        var id = (await api.PostAsync("/containers/create", $$"""{"Image":"{{proxy.Address}}/shared:v1","Cmd":["x"]}""")).Json["Id"]!.GetValue<string>();
        var tree = await TestTrees.UnpackAsync(await api.DownloadAsync($"/containers/{id}/export", Path.Combine(engine.Root, "shared.tar")), Path.Combine(engine.Root, "shared"));
        (await File.ReadAllTextAsync(Path.Combine(tree, "deep", "last"))).ShouldBe("8");
        File.GetUnixFileMode(Path.Combine(tree, "deep")).ShouldBe((UnixFileMode)0x1f8);
        for (int i = 1; i < 9; i++) (await File.ReadAllBytesAsync(Path.Combine(tree, "deep", $"link{i}"))).ShouldBe(TestTrees.Noise(300_000, i - 1));
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
        await api.DeleteAsync($"/containers/{id}");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task No_more_layers_are_fetched_at_once_than_allowed_over_all_pulls(int limit)
    {
        await using var engine = Fresh();
        await engine.StartOwnAsync("--max-concurrent-downloads", $"{limit}");
        await using var registry = await LocalRegistry.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        using var counting = new CountingFront(registry, limit);
        foreach (var name in (string[])["one", "two"])
        {
            byte[][] layers = [.. Enumerable.Range(0, 8).Select(i => TestTrees.Small($"{name} {i}"))];
            await writer.ImageAsync(name, "v1", layers);
            foreach (var layer in layers) counting.Count(name, HostileServer.DigestOf(layer));
        }
        using var api = new EngineApi(engine.SocketPath);
        foreach (var pull in await Task.WhenAll(((string[])["one", "two"]).Select(name => api.PostAsync($"/images/create?fromImage={counting.Address}/{name}&tag=v1")))) pull.StreamError.ShouldBeNull(pull.Text);
        (counting.Most, counting.Served).ShouldBe((limit, 16));
    }

    [Fact]
    public async Task A_registry_with_a_certificate_of_its_own_ca_and_client_certificates_is_trusted_by_certs_d_only()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.ClientCertificate, "registry.test");
        await using var engine = Fresh();
        // 127.0.0.1 would be trusted blindly: a name that only /etc/hosts of this test knows is not needed where a proxy resolves it.
        using var tunnel = new ConnectProxy(registry.Port);
        await engine.StartOwnAsync("--certs-dir", registry.CertificatesDirectory, "--https-proxy", $"http://{tunnel.Address}");
        using var api = new EngineApi(engine.SocketPath);
        var name = $"registry.test:{registry.Port}/app";
        (await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small("tls"))).Status.ShouldBe(200);
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        tunnel.Hosts.ShouldContain($"registry.test:{registry.Port}");
        await engine.StopDaemonAsync();
        await engine.StartDaemonAsync("--https-proxy", $"http://{tunnel.Address}", "--certs-dir", "/nowhere");
        var refused = await api.PostAsync($"/images/create?fromImage={name}&tag=v1");
        refused.Status.ShouldBe(500);
        refused.Message.ShouldNotBeNull().ShouldContain("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    }

    [Fact]
    public async Task A_mirror_is_asked_first_and_the_registry_when_it_has_not_got_it()
    {
        await using var engine = Fresh();
        await using var registry = await LocalRegistry.StartAsync();
        await using var mirror = await LocalRegistry.StartAsync();
        using var watched = new CuttingProxy(mirror.Port);
        var config = Path.Combine(engine.Root, "daemon.json");
        await File.WriteAllTextAsync(config, $$$"""{"registry-hosts":{"{{{registry.Address}}}":["http://{{{watched.Address}}}"]}}""");
        await engine.StartOwnAsync("--config-file", config);
        await PushAsync(engine, registry, "only/here", 1000);
        var id = await PushAsync(engine, mirror, "at/mirror", 1000);
        using var api = new EngineApi(engine.SocketPath);
        var first = await api.PostAsync($"/images/create?fromImage={registry.Address}/at/mirror&tag=v1");
        first.StreamError.ShouldBeNull(first.Text);
        (await api.GetAsync($"/images/{registry.Address}/at/mirror:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        watched.Bytes().Sent.ShouldBeGreaterThan(0);
        var second = await api.PostAsync($"/images/create?fromImage={registry.Address}/only/here&tag=v1");
        second.StreamError.ShouldBeNull(second.Text);
    }
}
