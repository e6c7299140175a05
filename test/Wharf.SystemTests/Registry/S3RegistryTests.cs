using System.Net;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>The specification over S3.</summary>
public sealed class WharfOverS3Conformance(S3RegistryFixture registry) : DistributionSpec(registry), IClassFixture<S3RegistryFixture>;

/// <summary>Several processes over one bucket.</summary>
public sealed class S3RegistryTests
{
    [Fact]
    public async Task Processes_over_one_bucket_see_each_others_changes_at_once()
    {
        await using var server = await S3Server.StartAsync();
        await using var one = await RegistryProcess.WharfAsync(server.Config());
        await using var two = await RegistryProcess.WharfAsync(server.Config());
        using var first = new RegistryApi(one.Url);
        using var second = new RegistryApi(two.Url);
        var layer = RegistryAnswers.Bytes(1, 40_000_000); // more than one part of a multipart upload
        var manifest = await first.PushImageAsync("s3/app", "v1", layer);
        (await (await second.GetAsync("/v2/s3/app/manifests/v1")).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        (await (await second.GetAsync($"/v2/s3/app/blobs/{RegistryApi.DigestOf(layer)}")).Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        (await (await second.SendAsync("GET", $"/v2/s3/app/blobs/{RegistryApi.DigestOf(layer)}", range: "bytes=30000000-30000009")).Content.ReadAsByteArrayAsync()).ShouldBe(layer[30_000_000..30_000_010]);
        await second.PushImageAsync("s3/app", "v2", "two"u8.ToArray());
        (await first.TagsAsync("s3/app")).ShouldBe(["v1", "v2"]);
        await (await first.DeleteAsync("/v2/s3/app/manifests/v1")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await second.GetAsync("/v2/s3/app/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await second.TagsAsync("s3/app")).ShouldBe(["v2"]);
        await (await second.DeleteAsync($"/v2/s3/app/manifests/{RegistryApi.DigestOf(manifest)}")).ShouldBeAsync(HttpStatusCode.Accepted);
        await Task.Delay(1100); // the store tells times in whole seconds
        var result = await (await first.SendAsync("POST", "/api/collect?grace=0s")).JsonAsync();
        result.GetProperty("bytes").GetInt64().ShouldBeGreaterThanOrEqualTo(layer.Length);
        (await (await second.GetAsync("/v2/s3/app/manifests/v2")).ShouldBeAsync(HttpStatusCode.OK)).Dispose();
        (await (await second.GetAsync($"/v2/s3/app/blobs/{RegistryApi.DigestOf("two"u8.ToArray())}")).Content.ReadAsByteArrayAsync()).ShouldBe("two"u8.ToArray());
    }

    [Fact]
    public async Task Pulls_can_be_sent_to_the_store_itself()
    {
        await using var server = await S3Server.StartAsync();
        await using var registry = await RegistryProcess.WharfAsync(server.Config().Replace("\"type\": \"s3\"", "\"type\": \"s3\", \"redirect\": true", StringComparison.Ordinal));
        using var api = new RegistryApi(registry.Url);
        var blob = RegistryAnswers.Bytes(1, 5000);
        var digest = await api.PushBlobAsync("s3/redirect", blob);
        var answer = await api.GetAsync($"/v2/s3/redirect/blobs/{digest}");
        await answer.ShouldBeAsync(HttpStatusCode.TemporaryRedirect);
        (await (await api.GetAsync(answer.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
    }
}
