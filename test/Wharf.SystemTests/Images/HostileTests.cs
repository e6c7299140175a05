using System.Diagnostics;
using System.Formats.Tar;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>
/// Archives and registries that mean harm (SECURITY classes A, D and E): each is refused with a clear error, in bounded time and memory, and
/// nothing is written outside of the data root.
/// </summary>
public sealed class HostileTests(EngineFixture engine) : IDisposable
{
    private readonly EngineApi _api = new(engine.SocketPath);
    private readonly HostileServer _server = new();
    // What a traversal would hit.
    private readonly string _outside = Directory.CreateTempSubdirectory("wharf-outside-").FullName;

    private async Task<string> RefusedPullAsync(string name)
    {
        var watch = Stopwatch.StartNew();
        var answer = await _api.PostAsync($"/images/create?fromImage={_server.Address}/{name}&tag=latest");
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30));
        var error = answer.Status == 200 ? answer.StreamError : answer.Message;
        error.ShouldNotBeNull(answer.Text);
        (await _api.GetAsync($"/images/{_server.Address}/{name}:latest/json")).Status.ShouldBe(404);
        return error;
    }

    private static byte[] Tar(params TarEntry[] entries)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true)) foreach (var entry in entries) tar.WriteEntry(entry);
        return stream.ToArray();
    }

    private static PaxTarEntry Link(TarEntryType type, string name, string target) => new(type, name) { LinkName = target };

    [Fact]
    public async Task A_layer_whose_bytes_are_not_its_digest_is_refused()
    {
        var layer = TestTrees.Small("digest");
        var other = TestTrees.Small("DIGEST");
        _server.Serve("digest", layer, layerServed: other);
        (await RefusedPullAsync("digest")).ShouldContain("verification failed for digest");
    }

    [Fact]
    public async Task A_layer_that_unpacks_to_another_diff_id_is_refused()
    {
        _server.Serve("diffid", TestTrees.Small("diffid"), diffId: HostileServer.DigestOf("other"u8.ToArray()));
        (await RefusedPullAsync("diffid")).ShouldContain("diffID");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task A_layer_of_another_size_than_its_descriptor_says_is_refused(int more)
    {
        var layer = TestTrees.Small("size" + more);
        _server.Serve("size", layer, layerSize: layer.Length + more);
        (await RefusedPullAsync("size")).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_registry_that_asks_for_patience_is_given_it()
    {
        Assert.SkipUnless(engine.IsWharf, "dockerd does not ask for a manifest again");
        var layer = TestTrees.Small("patience");
        var manifest = _server.Serve("patience", layer);
        var asked = new List<long>();
        _server.On("/v2/patience/manifests/latest", async context =>
        {
            bool isFirst;
            lock (asked)
            {
                isFirst = asked.Count == 0;
                asked.Add(Stopwatch.GetTimestamp());
            }
            if (isFirst)
            {
                context.Response.StatusCode = 429;
                context.Response.Headers["Retry-After"] = "2";
            }
            else
            {
                context.Response.ContentType = "application/vnd.oci.image.manifest.v1+json";
                await context.Response.OutputStream.WriteAsync(manifest);
            }
            context.Response.Close();
        });
        var pulled = await _api.PostAsync($"/images/create?fromImage={_server.Address}/patience&tag=latest");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        pulled.Status.ShouldBe(200, pulled.Text);
        lock (asked) Stopwatch.GetElapsedTime(asked[0], asked[1]).ShouldBeGreaterThan(TimeSpan.FromSeconds(1.9));
        await _api.DeleteAsync($"/images/{_server.Address}/patience:latest");
    }

    [Fact]
    public async Task A_document_that_is_manifest_and_index_at_once_is_refused()
    {
        _server.Serve("both", TestTrees.Small("both"), more: ""","manifests":[]""");
        (await RefusedPullAsync("both")).ShouldContain("both a manifest and an index");
    }

    [Fact]
    public async Task A_manifest_sent_under_another_type_is_refused()
    {
        var manifest = _server.Serve("type", TestTrees.Small("type"));
        _server.On("/v2/type/manifests/latest", manifest, "application/vnd.oci.image.index.v1+json");
        (await RefusedPullAsync("type")).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_manifest_without_end_is_cut_off()
    {
        _server.On("/v2/endless/manifests/latest", async context =>
        {
            context.Response.ContentType = "application/vnd.oci.image.manifest.v1+json";
            context.Response.SendChunked = true;
            var blanks = Encoding.ASCII.GetBytes(new string(' ', 65536));
            for (int i = 0; i < 16384; i++) await context.Response.OutputStream.WriteAsync(blanks);
        });
        (await RefusedPullAsync("endless")).ShouldContain("larger than");
    }

    [Fact]
    public async Task Deep_json_and_huge_layer_lists_are_refused()
    {
        _server.On("/v2/deep/manifests/latest", Encoding.ASCII.GetBytes(new string('[', 100_000)), "application/vnd.oci.image.manifest.v1+json");
        (await RefusedPullAsync("deep")).ShouldContain("not valid");
        var layer = $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{{HostileServer.DigestOf([])}}","size":0}""";
        var many = $$"""{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{HostileServer.DigestOf([])}}","size":0},"layers":[{{string.Join(',', Enumerable.Repeat(layer, 5000))}}]}""";
        _server.On("/v2/many/manifests/latest", Encoding.UTF8.GetBytes(many), "application/vnd.oci.image.manifest.v1+json");
        (await RefusedPullAsync("many")).ShouldContain("layers");
    }

    /// <summary>It comes from the registry as any other layer, and from nowhere else. True of dockerd as well.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_foreign_layer_is_not_fetched_from_where_it_points_and_gets_no_credentials(bool atRegistry)
    {
        using var elsewhere = new HostileServer();
        var layer = TestTrees.Small("foreign" + atRegistry);
        elsewhere.On("/steal", layer);
        _server.Serve("foreign", layer, layerMore: $$""","urls":["http://{{elsewhere.Address}}/steal"]""", mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        if (!atRegistry) _server.Forget($"/v2/foreign/blobs/{HostileServer.DigestOf(layer)}");
        var answer = await _api.PostAsync($"/images/create?fromImage={_server.Address}/foreign&tag=latest", auth: LocalRegistry.Credentials);
        if (atRegistry) answer.StreamError.ShouldBeNull(answer.Text);
        else (answer.StreamError ?? answer.Message).ShouldNotBeNull(answer.Text);
        if (!atRegistry && engine.IsWharf) answer.StreamError.ShouldNotBeNull().ShouldContain("foreign layers are not fetched from elsewhere");
        elsewhere.Requests.ShouldBeEmpty();
        await _api.DeleteAsync($"/images/{_server.Address}/foreign:latest");
    }

    [Fact]
    public async Task Credentials_stay_with_the_registry_when_it_redirects_elsewhere()
    {
        using var elsewhere = new HostileServer();
        var layer = TestTrees.Small("redirect");
        _server.Serve("redirect", layer);
        elsewhere.On("/blob", layer);
        _server.On($"/v2/redirect/blobs/{HostileServer.DigestOf(layer)}", context =>
        {
            if (context.Request.Headers["Authorization"] is null)
            {
                context.Response.StatusCode = 401;
                context.Response.AddHeader("WWW-Authenticate", "Basic realm=\"x\"");
            }
            else context.Response.Redirect($"http://{elsewhere.Address}/blob");
            context.Response.Close();
            return Task.CompletedTask;
        });
        var answer = await _api.PostAsync($"/images/create?fromImage={_server.Address}/redirect&tag=latest", auth: LocalRegistry.Credentials);
        answer.StreamError.ShouldBeNull(answer.Text);
        _server.Requests.ShouldContain(request => request.Authorization != null && request.Authorization.StartsWith("Basic ", StringComparison.Ordinal));
        elsewhere.Requests.ShouldHaveSingleItem().Authorization.ShouldBeNull();
        await _api.DeleteAsync($"/images/{_server.Address}/redirect:latest");
    }

    [Fact]
    public async Task A_bomb_is_stopped()
    {
        // 300 MB of zeros after the header of an empty file: 45 KB of xz.
        var header = Path.Combine(_outside, "header");
        await File.WriteAllBytesAsync(header, Tar(new PaxTarEntry(TarEntryType.RegularFile, "bomb") { DataStream = new MemoryStream() })[..1536]);
        (await CommandResult.RunAsync("sh", ["-c", $"(cat {header}; head -c 300M /dev/zero) | xz -0 -T1 > {_outside}/bomb"])).ShouldExit(0);
        var answer = await _api.PostTarAsync("/images/create?fromSrc=-&repo=images-bomb", await File.ReadAllBytesAsync(Path.Combine(_outside, "bomb")));
        answer.Status.ShouldBe(400, answer.Text);
        answer.Message.ShouldNotBeNull().ShouldContain("times its size: refused");
    }

    public static TheoryData<string> Escapes => ["dotdot", "absolute", "symlink", "absolute symlink", "symlink chain", "hardlink", "whiteout", "device", "hard link to a symlink"];

    /// <summary>Traversal, link tricks and devices: refused, or kept inside the layer. What lies outside is never touched.</summary>
    [Theory]
    [MemberData(nameof(Escapes))]
    public async Task Nothing_escapes_from_a_layer(string trick)
    {
        var victim = Path.Combine(_outside, "victim");
        await File.WriteAllTextAsync(victim, "untouched");
        var up = string.Concat(Enumerable.Repeat("../", 20));
        PaxTarEntry Evil(string name) => TestTrees.File(name, "changed"u8.ToArray());
        var layer = trick switch
        {
            "dotdot" => Tar(Evil($"{up}{victim[1..]}")),
            "absolute" => Tar(Evil(victim)),
            "symlink" => Tar(Link(TarEntryType.SymbolicLink, "out", up + _outside[1..]), Evil("out/victim")),
            "absolute symlink" => Tar(Link(TarEntryType.SymbolicLink, "out", _outside), Evil("out/victim")),
            "symlink chain" => Tar(Link(TarEntryType.SymbolicLink, "a", ".."), Link(TarEntryType.SymbolicLink, "b", "a/" + up), Evil($"b/{victim[1..]}")),
            "hardlink" => Tar(Link(TarEntryType.HardLink, "link", victim), Evil("link")),
            "whiteout" => Tar(Link(TarEntryType.SymbolicLink, "out", _outside), Evil("out/.wh.victim")),
            "device" => Tar(new PaxTarEntry(TarEntryType.BlockDevice, "disk") { DeviceMajor = 8, DeviceMinor = 0 }, Evil("disk")),
            "hard link to a symlink" => Tar(Link(TarEntryType.SymbolicLink, "soft", victim), Link(TarEntryType.HardLink, "hard", "soft"), Evil("hard")),
            _ => throw new ArgumentOutOfRangeException(nameof(trick)),
        };
        var answer = await _api.PostTarAsync("/images/create?fromSrc=-&repo=images-escape", layer);
        if (answer.Status == 200) await _api.DeleteAsync("/images/images-escape");
        (await File.ReadAllTextAsync(victim)).ShouldBe("untouched");
        Directory.GetFileSystemEntries(_outside).ShouldBe([victim]);
    }

    [Fact]
    public async Task Names_in_an_archive_to_load_are_never_paths()
    {
        var victim = Path.Combine(_outside, "victim");
        var archive = Tar(
            TestTrees.File(string.Concat(Enumerable.Repeat("../", 20)) + victim[1..], "changed"u8.ToArray()),
            Link(TarEntryType.SymbolicLink, "blobs", _outside), TestTrees.File("blobs/victim", "changed"u8.ToArray()),
            Link(TarEntryType.SymbolicLink, "config.json", "/etc/shadow"),
            TestTrees.File("manifest.json", """[{"Config":"config.json","RepoTags":["x:y"],"Layers":["../../../../etc/passwd"]}]"""u8.ToArray()));
        var answer = await _api.PostTarAsync("/images/load", archive);
        answer.StreamError.ShouldNotBeNull(answer.Text).ShouldContain("the archive lacks config.json");
        File.Exists(victim).ShouldBeFalse();
    }

    [Theory]
    [InlineData("[{}]", "an image has no Config")]
    [InlineData("{}", "not valid")]
    [InlineData("[{\"Config\":\"c\",\"Layers\":[\"x\"]}]", "the archive lacks x")]
    [InlineData("[{\"Config\":\"c\",\"Layers\":[]}]", "length mismatch")]
    public async Task A_broken_archive_is_told_what_is_wrong_with_it(string manifest, string error)
    {
        var config = """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}}"""u8.ToArray();
        var answer = await _api.PostTarAsync("/images/load", Tar(TestTrees.File("manifest.json", Encoding.UTF8.GetBytes(manifest)), TestTrees.File("c", config)));
        answer.Status.ShouldBe(200);
        answer.StreamError.ShouldNotBeNull(answer.Text).ShouldContain(error);
    }

    public void Dispose()
    {
        _api.Dispose();
        _server.Dispose();
        Directory.Delete(_outside, recursive: true);
    }
}
