using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Archives of docker before 1.10: a <c>repositories</c> file and a directory for each layer.</summary>
public sealed class OldArchiveTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Name = "images-old/app";
    private static readonly string Lower = new('a', 64), Upper = new('b', 64);
    private readonly EngineApi _api = new(engine.SocketPath);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var tag in (string[])["1", "2"]) await _api.DeleteAsync($"/images/{Name}:{tag}?force=1");
        _api.Dispose();
    }

    private static byte[] Archive(params (string Name, byte[] Content)[] members)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
            foreach (var (name, content) in members) tar.WriteEntry(TestTrees.File(name, content));
        return stream.ToArray();
    }

    private static string DiffId(byte[] layer) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(layer));

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    [Fact]
    public async Task An_archive_of_layers_becomes_the_image_that_docker_makes_of_it()
    {
        byte[] lower = TestTrees.Small("old lower"), upper = TestTrees.Small("old upper");
        var archive = Archive(
            ("repositories", Text($$$"""{"{{{Name}}}":{"1":"{{{Upper}}}","2":"{{{Upper}}}"}}""")),
            ($"{Lower}/json", Text($$$"""{ "id": "{{{Lower}}}", "created": "2015-01-02T03:04:05.123456789Z", "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD <x>"]}, "os": "linux", "architecture": "amd64", "Size": 5 }""")),
            ($"{Lower}/layer.tar", lower),
            ($"{Upper}/json", Text($$$"""{"id":"{{{Upper}}}","parent":"{{{Lower}}}","created":"2015-01-02T03:04:06Z","author":"Me & you","comment":"hi","docker_version":"1.9.0","config":{"Cmd": ["x"], "Env": ["A=b"]},"container_config":{"Cmd":["a","b"]},"os":"linux","architecture":"amd64","throwaway":true}""")),
            ($"{Upper}/layer.tar", upper));
        var loaded = await _api.PostTarAsync("/images/load", archive);
        loaded.StreamError.ShouldBeNull(loaded.Text);
        var image = (await _api.GetAsync($"/images/{Name}:1/json")).Json;
        // dockerd's bytes: members in order, no blanks, Go's escapes.
        var config = "{" + $$"""
            "architecture":"amd64","author":"Me \u0026 you","comment":"hi","config":{"Cmd":["x"],"Env":["A=b"]},"container_config":{"Cmd":["a","b"]},"created":"2015-01-02T03:04:06Z","docker_version":"1.9.0",
            "history":[{"created":"2015-01-02T03:04:05.123456789Z","created_by":"/bin/sh -c #(nop) ADD \u003cx\u003e"},{"created":"2015-01-02T03:04:06Z","created_by":"a b","author":"Me \u0026 you","comment":"hi"}],
            "os":"linux","rootfs":{"type":"layers","diff_ids":["{{DiffId(lower)}}","{{DiffId(upper)}}"]}
            """.Replace("\n", "", StringComparison.Ordinal) + "}";
        image["Id"]!.GetValue<string>().ShouldBe("sha256:" + Convert.ToHexStringLower(SHA256.HashData(Text(config))));
        (image["Author"]!.GetValue<string>(), image["Comment"]!.GetValue<string>()).ShouldBe(("Me & you", "hi"));
        image["RepoTags"]!.AsArray().Select(tag => tag!.GetValue<string>()).ShouldBe([$"{Name}:1", $"{Name}:2"]);
        var history = (await _api.GetAsync($"/images/{Name}:2/history")).Json.AsArray();
        history.Select(entry => entry!["CreatedBy"]!.GetValue<string>()).ShouldBe(["a b", "/bin/sh -c #(nop) ADD <x>"]);
    }

    [Theory]
    [InlineData("no archive at all, and longer than one block", 20, "archive/tar: invalid tar header")]
    [InlineData("no archive at all", 1, "unexpected EOF")]
    public async Task What_is_no_tar_is_an_error_in_the_words_of_docker_to_load_and_to_import(string text, int times, string error)
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, times)));
        using var api = new EngineApi(engine.SocketPath);
        var load = await api.PostTarAsync("/images/load", bytes);
        load.Status.ShouldBe(200);
        load.StreamError.ShouldBe(error);
        (await engine.DockerAsync(bytes, "load")).ShouldExit(1).Error.Trim().ShouldBe(error);
        (await engine.DockerAsync(bytes, "import", "-")).ShouldExit(1).Error.Trim().ShouldBe("Error response from daemon: " + error);
    }

    [Fact]
    public async Task What_lacks_a_layer_or_is_no_such_archive_is_an_error()
    {
        // A layer that is its own parent ends dockerd with a stack overflow: that one is for Wharf alone.
        byte[][] loop = engine.IsWharf ? [Archive(("repositories", Text($$$"""{"{{{Name}}}":{"1":"{{{Lower}}}"}}""")), ($"{Lower}/json", Text($$$"""{"id":"{{{Lower}}}","parent":"{{{Lower}}}"}""")), ($"{Lower}/layer.tar", TestTrees.Small("loop")))] : [];
        foreach (var archive in (byte[][])[
            Archive(("repositories", Text($$$"""{"{{{Name}}}":{"1":"{{{Lower}}}"}}"""))),
            Archive(("repositories", Text("[]"))),
            .. loop,
        ])
            (await _api.PostTarAsync("/images/load", archive)).StreamError.ShouldNotBeNull();
        (await _api.GetAsync($"/images/{Name}:1/json")).Status.ShouldBe(404);
    }
}
