using System.Net;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>"Pull" and "Determining Support".</summary>
public abstract partial class DistributionSpec
{
    [Fact(DisplayName = "Determining Support: GET /v2/ is 200 OK")]
    public Task Determining_support() => CheckAsync(async () =>
    {
        var response = await Api.GetAsync("/v2/");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        response.Header("Docker-Distribution-Api-Version").ShouldBe("registry/2.0");
    });

    [Fact(DisplayName = "Pulling manifests: by tag and by digest, the bytes as pushed, with type and digest")]
    public Task Pulling_manifests_gives_the_bytes_pushed() => CheckAsync(async () =>
    {
        var manifest = await Api.PushImageAsync("pull/manifests", "v1", Unique());
        foreach (var reference in (string[])["v1", RegistryApi.DigestOf(manifest)])
        {
            var response = await Api.SendAsync("GET", $"/v2/pull/manifests/manifests/{reference}", headers: [("Accept", RegistryApi.OciManifest)]);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            response.Header("Content-Type").ShouldBe(RegistryApi.OciManifest);
            response.Header("Docker-Content-Digest").ShouldBe(RegistryApi.DigestOf(manifest));
            (await response.Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        }
    });

    [Fact(DisplayName = "Pulling manifests: what is not there is 404 MANIFEST_UNKNOWN")]
    public Task Pulling_a_manifest_that_is_not_there() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("pull/nothing", "v1", Unique());
        await (await Api.GetAsync("/v2/pull/nothing/manifests/v2")).ShouldRefuseAsync(404, "MANIFEST_UNKNOWN");
        await (await Api.GetAsync($"/v2/pull/nothing/manifests/{RegistryApi.DigestOf(Unique())}")).ShouldRefuseAsync(404, "MANIFEST_UNKNOWN");
        (await Api.GetAsync("/v2/never/was/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.GetAsync("/v2/never/was/tags/list")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Pulling blobs: the bytes, with their digest")]
    public Task Pulling_blobs() => CheckAsync(async () =>
    {
        var blob = Unique(70_000);
        var digest = await Api.PushBlobAsync("pull/blobs", blob);
        var response = await Api.GetAsync($"/v2/pull/blobs/blobs/{digest}");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        response.Header("Docker-Content-Digest").ShouldBe(digest);
        (await response.Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        await (await Api.GetAsync($"/v2/pull/blobs/blobs/{RegistryApi.DigestOf(Unique())}")).ShouldRefuseAsync(404, "BLOB_UNKNOWN");
        (await Api.GetAsync($"/v2/pull/otherblobs/blobs/{digest}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Theory(DisplayName = "Pulling blobs: the Range header of RFC 9110")]
    [InlineData("bytes=0-9", 0, 10)]
    [InlineData("bytes=990-", 990, 10)]
    [InlineData("bytes=-5", 995, 5)]
    [InlineData("bytes=900-5000", 900, 100)]
    public Task Pulling_parts_of_blobs(string range, int from, int length) => CheckAsync(async () =>
    {
        var blob = Unique(1000);
        var digest = await Api.PushBlobAsync("pull/ranges", blob);
        var response = await Api.SendAsync("GET", $"/v2/pull/ranges/blobs/{digest}", range: range);
        await response.ShouldBeAsync(HttpStatusCode.PartialContent);
        response.Header("Content-Range").ShouldBe($"bytes {from}-{from + length - 1}/1000");
        (await response.Content.ReadAsByteArrayAsync()).ShouldBe(blob[from..(from + length)]);
    });

    [Fact(DisplayName = "Pulling blobs: a range beyond the end is 416 (RFC 9110)")]
    public Task Pulling_a_part_beyond_the_end() => CheckAsync(async () =>
    {
        var digest = await Api.PushBlobAsync("pull/ranges", Unique(1000));
        var response = await Api.SendAsync("GET", $"/v2/pull/ranges/blobs/{digest}", range: "bytes=1000-");
        response.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        response.Header("Content-Range").ShouldBe("bytes */1000");
    });

    [Fact(DisplayName = "Checking if content exists: HEAD is 200 with digest and size, or 404")]
    public Task Checking_if_content_exists() => CheckAsync(async () =>
    {
        var layer = Unique(500);
        var manifest = await Api.PushImageAsync("pull/head", "v1", layer);
        (string, int, string)[] present =
        [
            ("manifests/v1", manifest.Length, RegistryApi.DigestOf(manifest)), ($"manifests/{RegistryApi.DigestOf(manifest)}", manifest.Length, RegistryApi.DigestOf(manifest)), ($"blobs/{RegistryApi.DigestOf(layer)}", 500, RegistryApi.DigestOf(layer)),
        ];
        foreach (var (path, size, digest) in present)
        {
            var response = await Api.SendAsync("HEAD", $"/v2/pull/head/{path}", headers: [("Accept", RegistryApi.OciManifest)]);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            response.Content.Headers.ContentLength.ShouldBe(size);
            response.Header("Docker-Content-Digest").ShouldBe(digest);
            (await response.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
        }
        foreach (var path in (string[])["manifests/v2", $"manifests/{RegistryApi.DigestOf(Unique())}", $"blobs/{RegistryApi.DigestOf(Unique())}"])
            (await Api.HeadAsync($"/v2/pull/head/{path}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Pulling (RFC 9110): what the client has already is 304")]
    public Task Pulling_what_the_client_has() => CheckAsync(async () =>
    {
        var layer = Unique();
        var manifest = await Api.PushImageAsync("pull/again", "v1", layer);
        var digest = RegistryApi.DigestOf(manifest);
        (await Api.SendAsync("GET", "/v2/pull/again/manifests/v1", headers: [("Accept", RegistryApi.OciManifest), ("If-None-Match", $"\"{digest}\"")])).StatusCode.ShouldBe(HttpStatusCode.NotModified);
        (await Api.SendAsync("GET", $"/v2/pull/again/blobs/{RegistryApi.DigestOf(layer)}", headers: [("If-None-Match", $"\"{RegistryApi.DigestOf(layer)}\"")])).StatusCode.ShouldBe(HttpStatusCode.NotModified);
    });

    [Theory(DisplayName = "Pulling manifests: <name> and <reference> match the grammar, nothing else")]
    [InlineData("/v2/Upper/manifests/v1")]
    [InlineData("/v2/a..b/manifests/v1")]
    [InlineData("/v2/a/../../etc/manifests/passwd")]
    [InlineData("/v2/a/%2e%2e/b/manifests/v1")]
    [InlineData("/v2/-a/manifests/v1")]
    [InlineData("/v2/a/manifests/.hidden")]
    [InlineData("/v2/a/blobs/sha256:..%2f..%2fetc")]
    public Task Names_outside_the_grammar_are_refused(string path) => CheckAsync(async () =>
    {
        using var raw = new System.Net.Sockets.TcpClient();
        await raw.ConnectAsync(IPAddress.Loopback, Api.Http.BaseAddress!.Port);
        await raw.GetStream().WriteAsync(RegistryAnswers.Text($"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        var answer = await new StreamReader(raw.GetStream()).ReadToEndAsync();
        int status = int.Parse(answer.Split(' ')[1]);
        // docker-registry redirects a path with dots to what it would mean; both are no content.
        status.ShouldBeOneOf(400, 404, 301);
    });

    [Fact(DisplayName = "Pulling manifests, Pulling blobs: a tag or digest outside the grammar is not there (404)")]
    public Task Pulling_a_malformed_reference() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("pull/malformed", "v1", Unique());
        foreach (var path in (string[])["manifests/.v1", "manifests/sha256:zz", $"manifests/sha256:{new string('A', 64)}", "blobs/sha256:zz", $"blobs/md5:{new string('a', 32)}"])
        {
            (await Api.GetAsync($"/v2/pull/malformed/{path}")).StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
            (await Api.HeadAsync($"/v2/pull/malformed/{path}")).StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }
    });
}
