using System.Net;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Requests that mean no good (SECURITY classes D and E): refused in the specification's words, in bounded memory and time.</summary>
public sealed class RegistryHostileTests(WharfRegistryFixture registry) : IClassFixture<WharfRegistryFixture>
{
    private const long MemoryBound = 100L << 20;
    private RegistryApi Api => registry.Api;

    private async Task<string> RawAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, registry.Process.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await new StreamReader(stream).ReadToEndAsync(patience.Token);
    }

    [Theory]
    [InlineData("GET /v2/../../../../etc/passwd/manifests/x HTTP/1.1")]
    [InlineData("GET /v2/a/%2e%2e/%2e%2e/manifests/x HTTP/1.1")]
    [InlineData("GET /v2/a/b/manifests/..%2f..%2fx HTTP/1.1")]
    [InlineData("GET /v2/a/b/blobs/uploads/..%2f..%2f..%2findex.db HTTP/1.1")]
    [InlineData("GET /v2/a/_tags/manifests/x HTTP/1.1")]
    [InlineData("GET /v2/a%00b/manifests/x HTTP/1.1")]
    [InlineData("GET /v2/a/b/referrers/sha256:../../x HTTP/1.1")]
    [InlineData("GET /ui/../../etc/passwd HTTP/1.1")]
    [InlineData("PUT /v2/a/b/manifests/%2e%2e HTTP/1.1")]
    public async Task Paths_never_leave_the_grammar(string line)
    {
        var answer = await RawAsync(line + "\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        int.Parse(answer.Split(' ')[1]).ShouldBeOneOf(400, 404);
        answer.ShouldNotContain("root:");
    }

    [Fact]
    public async Task Long_names_and_tags_are_refused()
    {
        (await Api.GetAsync($"/v2/{new string('a', 256)}/tags/list")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Api.GetAsync($"/v2/{string.Join('/', Enumerable.Repeat("a", 4000))}/tags/list")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Api.GetAsync($"/v2/a/manifests/{new string('t', 129)}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await (await Api.PutManifestAsync("a", new string('t', 129), RegistryApi.Empty)).ShouldRefuseAsync(400, "MANIFEST_INVALID");
        ((int)(await Api.GetAsync($"/v2/a/tags/list?last={new string('x', 60000)}")).StatusCode).ShouldBeOneOf(400, 404, 414);
        await Api.PushImageAsync("hostile/pages", "v1", "x"u8.ToArray());
        foreach (var n in (string[])["-1", "99999999999999999999", "1e9", "0x10", "٣"]) (await Api.GetAsync($"/v2/hostile/pages/tags/list?n={n}")).StatusCode.ShouldBe(HttpStatusCode.BadRequest, n);
        (await Api.GetAsync("/v2/hostile/pages/tags/list?n=2147483647")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Api.GetAsync("/v2/_catalog?n=2147483647")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Deep_and_doubled_manifests_are_refused()
    {
        await Api.PushBlobAsync("hostile/deep", RegistryApi.Empty);
        var config = $$"""{"mediaType":"x/y","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":2}""";
        string[] documents =
        [
            $$"""{"schemaVersion":2,"config":{{config}},"layers":[],"annotations":{{string.Concat(Enumerable.Repeat("{\"a\":", 5000))}}1{{new string('}', 5000)}}}""",
            $$"""{"schemaVersion":2,"config":{{config}},"config":{{config}},"layers":[]}""",
            $$"""{"schemaVersion":2,"config":{{config}},"layers":[{"mediaType":"x/y","digest":"sha256:..","size":1}]}""",
            $$"""{"schemaVersion":2,"config":{{config}},"layers":[{"mediaType":"x/y","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":-5}]}""",
            $$"""{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}""", "[]", "null", "\"x\"", "", "{", "{\"schemaVersion\":2}",
            $$"""{"schemaVersion":2,"config":{{config}},"layers":{{"[" + string.Join(',', Enumerable.Repeat(config, 20_001)) + "]"}}}""",
        ];
        foreach (var document in documents) await (await Api.PutManifestAsync("hostile/deep", "v1", Encoding.UTF8.GetBytes(document))).ShouldRefuseAsync(400, "MANIFEST_INVALID");
    }

    [Fact]
    public async Task Endless_bodies_end_at_the_limit_in_bounded_memory()
    {
        var answer = HttpStatusCode.OK;
        var chunk = new byte[64 << 10];
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, registry.Process.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT /v2/hostile/endless/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: {RegistryApi.OciManifest}\r\nTransfer-Encoding: chunked\r\n\r\n"));
        var reading = new StreamReader(stream).ReadLineAsync();
        try
        {
            for (int i = 0; i < 1600 && !reading.IsCompleted; i++)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"{chunk.Length:x}\r\n"));
                await stream.WriteAsync(chunk);
                await stream.WriteAsync("\r\n"u8.ToArray());
            }
        }
        catch (IOException) { /* it was cut off */ }
        var line = await reading.WaitAsync(TimeSpan.FromSeconds(20));
        if (line is not null) answer = (HttpStatusCode)int.Parse(line.Split(' ')[1]);
        answer.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        registry.Process.Memory(peak: true).ShouldBeLessThan(MemoryBound);
    }

    [Fact]
    public async Task Slow_bodies_are_cut_and_the_upload_can_be_gone_on_with()
    {
        var location = await Api.BeginAsync("hostile/slow");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, registry.Process.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"));
        var began = DateTime.UtcNow;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        string answer;
        try { answer = await new StreamReader(stream).ReadToEndAsync(patience.Token); }
        catch (IOException) { answer = ""; }
        (DateTime.UtcNow - began).ShouldBeLessThan(TimeSpan.FromSeconds(35));
        if (answer.Length > 0) answer.ShouldContain("408");
        (await Api.GetAsync(location)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Large_blobs_and_many_uploads_stay_in_bounded_memory()
    {
        var piece = RegistryAnswers.Bytes(7, 8 << 20);
        var whole = Enumerable.Range(0, 16).SelectMany(_ => piece).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async i => await Api.PushBlobAsync($"hostile/large{i}", whole)));
        for (int i = 0; i < 500; i++) await Api.BeginAsync("hostile/many");
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ => (await (await Api.GetAsync($"/v2/hostile/large0/blobs/{RegistryApi.DigestOf(whole)}")).Content.ReadAsByteArrayAsync()).Length.ShouldBe(whole.Length)));
        registry.Process.Memory(peak: true).ShouldBeLessThan(MemoryBound);
    }

    [Fact]
    public async Task Two_requests_cannot_write_to_one_upload_at_once()
    {
        var location = await Api.BeginAsync("hostile/both");
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Api.SendAsync("PATCH", location, new byte[200_000], contentRange: "0-199999")));
        answers.Count(answer => answer.StatusCode == HttpStatusCode.Accepted).ShouldBe(1);
        answers.ShouldAllBe(answer => (int)answer.StatusCode == 202 || (int)answer.StatusCode == 409 || (int)answer.StatusCode == 416);
        (await Api.GetAsync(location)).Header("Range").ShouldBe("0-199999");
    }
}
