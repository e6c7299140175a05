using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>What goes between a client and the builder: Dockerfiles from elsewhere, contexts, of which only what is new travels, and packed results.</summary>
public sealed class ContextTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-context-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("wharf")]
    public async Task A_Dockerfile_may_lie_outside_of_the_context(string client)
    {
        var inside = Directory.CreateDirectory(Path.Combine(_context, "in")).FullName;
        await File.WriteAllTextAsync(Path.Combine(inside, "x"), "of the context", TestContext.Current.CancellationToken);
        // Not a whole block: docker ends the archive with the file's last byte.
        await File.WriteAllTextAsync(Path.Combine(_context, "Elsewhere"), "FROM busybox\nCOPY . /c\n", TestContext.Current.CancellationToken);
        string[] line = ["build", "-t", "context-elsewhere", "-f", Path.Combine(_context, "Elsewhere"), inside];
        if (client == "wharf") (await engine.WharfAsync(line)).ShouldExit(0);
        else (await Buildx.RunAsync(engine, line, environment: new Dictionary<string, string> { ["DOCKER_BUILDKIT"] = client })).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "context-elsewhere", "sh", "-c", "cd /c; ls -A; cat x")).ShouldExit(0).Text.ShouldBe("x\nof the context");
        (await engine.DockerAsync("rmi", "context-elsewhere")).ShouldExit(0);
    }

    [Fact]
    public async Task Only_changed_files_travel()
    {
        const int Files = 200, Size = 20_000;
        var random = new Random(7);
        var bytes = new byte[Size];
        for (int i = 0; i < Files; i++)
        {
            random.NextBytes(bytes);
            await File.WriteAllBytesAsync(Path.Combine(_context, $"f{i}"), bytes, TestContext.Current.CancellationToken);
        }
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nCOPY . /c\nRUN sha256sum /c/f7\n", TestContext.Current.CancellationToken);
        using var proxy = new CountingProxy(Path.Combine(_context, ".s"), engine.SocketPath);
        var through = new Dictionary<string, string> { ["DOCKER_HOST"] = proxy.Host, ["DOCKER_CONFIG"] = Buildx.Config(engine), ["BUILDKIT_PROGRESS"] = "plain" };
        Buildx.Require("docker-buildx");
        await File.WriteAllTextAsync(Path.Combine(_context, ".dockerignore"), ".s\n", TestContext.Current.CancellationToken);
        async Task<long> BuildAsync()
        {
            (await CommandResult.RunAsync("docker", ["build", "-t", "context-travels", _context], null, 120, through)).ShouldExit(0);
            return proxy.TakeSent();
        }
        (await BuildAsync()).ShouldBeGreaterThan(Files * Size);
        // Names, sizes and times of all files are told each time: some hundred bytes each.
        (await BuildAsync()).ShouldBeLessThan(Files * Size / 20);
        random.NextBytes(bytes);
        await File.WriteAllBytesAsync(Path.Combine(_context, "f7"), bytes, TestContext.Current.CancellationToken);
        (await BuildAsync()).ShouldBeInRange(Size, Size + Files * Size / 20);
        (await engine.DockerAsync("run", "--rm", "context-travels", "sha256sum", "/c/f7")).ShouldExit(0).Text.ShouldStartWith(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)));
        (await engine.DockerAsync("rmi", "context-travels")).ShouldExit(0);
    }

    [Theory]
    [InlineData("type=oci,compression=zstd,force-compression=true,compression-level=9", true)]
    [InlineData("type=docker,compression=zstd,force-compression=true,oci-mediatypes=true", true)]
    [InlineData("type=oci", false)]
    public async Task Layers_of_an_archive_are_packed_as_was_asked_for(string output, bool zstd)
    {
        if (!engine.IsWharf) Assert.Skip("docker 28 writes such archives only with containerd's image store");
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nRUN seq 10000 > /numbers\n", TestContext.Current.CancellationToken);
        var archive = Path.Combine(_context, "out.tar");
        (await Buildx.RunAsync(engine, ["build", "--provenance=false", "-o", $"{output},dest={archive}", _context])).ShouldExit(0);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        using (var tar = new TarReader(File.OpenRead(archive)))
        {
            while (await tar.GetNextEntryAsync(cancellationToken: TestContext.Current.CancellationToken) is { } entry)
            {
                using var content = new MemoryStream();
                if (entry.DataStream is { } data) await data.CopyToAsync(content, TestContext.Current.CancellationToken);
                files[entry.Name] = content.ToArray();
            }
        }
        byte[] Blob(JsonNode descriptor) => files["blobs/" + descriptor["digest"]!.GetValue<string>().Replace(':', '/')];
        var layers = JsonNode.Parse(Blob(JsonNode.Parse(files["index.json"])!["manifests"]![0]!))!["layers"]!.AsArray();
        layers.Count.ShouldBe(2);
        foreach (var layer in layers)
        {
            layer!["mediaType"]!.GetValue<string>().ShouldBe("application/vnd.oci.image.layer.v1.tar+" + (zstd ? "zstd" : "gzip"));
            Blob(layer)[..2].ShouldBe(zstd ? [0x28, 0xb5] : [0x1f, 0x8b]);
        }
    }
}
