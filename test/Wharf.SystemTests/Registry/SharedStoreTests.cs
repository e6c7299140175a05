using System.Net;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>The specification over S3.</summary>
public sealed class WharfOverS3Conformance(S3RegistryFixture registry) : DistributionSpec(registry), IClassFixture<S3RegistryFixture>;

/// <summary>The specification over Azure's Blob service.</summary>
public sealed class WharfOverAzureConformance(AzureRegistryFixture registry) : DistributionSpec(registry), IClassFixture<AzureRegistryFixture>;

/// <summary>Several processes over one bucket.</summary>
public sealed class S3RegistryTests : SharedStoreTests
{
    protected override async Task<StoreServer> StartAsync() => await S3Server.StartAsync();
}

/// <summary>Several processes over one container.</summary>
public sealed class AzureRegistryTests : SharedStoreTests
{
    protected override async Task<StoreServer> StartAsync() => await AzureServer.StartAsync();
}

/// <summary>What holds for several processes over any shared store.</summary>
public abstract class SharedStoreTests
{
    protected abstract Task<StoreServer> StartAsync();

    [Fact]
    public async Task Processes_over_one_bucket_see_each_others_changes_at_once()
    {
        await using var server = await StartAsync();
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
    public async Task An_upload_goes_on_at_another_process()
    {
        await using var server = await StartAsync();
        await using var one = await RegistryProcess.WharfAsync(server.Config());
        await using var two = await RegistryProcess.WharfAsync(server.Config());
        using var first = new RegistryApi(one.Url);
        using var second = new RegistryApi(two.Url);
        RegistryApi[] both = [first, second];
        var blob = RegistryAnswers.Bytes(2, 20_000_000);
        var location = await first.BeginAsync("s3/turns");
        int[] ends = [6_000_000, 6_000_001, 13_000_000, 20_000_000];
        for (int i = 0, at = 0; i < ends.Length; at = ends[i++])
        {
            var patch = await both[(i + 1) % 2].SendAsync("PATCH", location, blob[at..ends[i]], contentRange: $"{at}-{ends[i] - 1}");
            await patch.ShouldBeAsync(HttpStatusCode.Accepted);
            (await both[i % 2].GetAsync(patch.Where())).Header("Range").ShouldBe($"0-{ends[i] - 1}");
            location = patch.Where();
        }
        await (await first.SendAsync("PATCH", location, blob[..10], contentRange: "0-9")).ShouldRefuseAsync(416, "BLOB_UPLOAD_INVALID");
        await (await second.SendAsync("PUT", RegistryApi.With(location, "digest=" + RegistryApi.DigestOf(blob)))).ShouldBeAsync(HttpStatusCode.Created);
        (await (await first.GetAsync($"/v2/s3/turns/blobs/{RegistryApi.DigestOf(blob)}")).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        (await first.GetAsync(location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        // docker's way: all in one PATCH, and the process it came to is killed.
        location = await second.BeginAsync("s3/turns");
        await (await second.SendAsync("PATCH", location, blob[..9000])).ShouldBeAsync(HttpStatusCode.Accepted);
        await two.KillAsync();
        await (await first.SendAsync("PUT", RegistryApi.With(location, "digest=" + RegistryApi.DigestOf(blob[..9000])))).ShouldBeAsync(HttpStatusCode.Created);
        location = await first.BeginAsync("s3/turns");
        await (await first.DeleteAsync(location)).ShouldBeAsync(HttpStatusCode.NoContent);
        if (server.Keys("uploads") is { } left) left.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_one_process_lists_and_remembers_all_know()
    {
        await using var server = await StartAsync();
        await using var one = await RegistryProcess.WharfAsync(server.Config());
        using var first = new RegistryApi(one.Url);
        var subject = await first.PushImageAsync("s3/known", "old", "x"u8.ToArray());
        await using var two = await RegistryProcess.WharfAsync(server.Config());
        using var second = new RegistryApi(two.Url);
        for (int i = 0; i < 3; i++)
        {
            var name = $"s3/new{i}";
            await first.PushImageAsync(name, "Tag", "y"u8.ToArray());
            (await (await second.GetAsync("/v2/_catalog?n=1000")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(entry => entry.GetString()).ShouldContain(name);
            await (await second.PutManifestAsync("s3/known", $"t{i}", subject)).ShouldBeAsync(HttpStatusCode.Created);
            (await first.TagsAsync("s3/known", "?last=old")).ShouldBe(Enumerable.Range(0, i + 1).Select(n => $"t{n}"));
            var referrer = await second.PushImageAsync("s3/known", null, RegistryAnswers.Bytes(i, 10), RegistryApi.DigestOf(subject), subject.Length, "application/r");
            (await (await first.GetAsync($"/v2/s3/known/referrers/{RegistryApi.DigestOf(subject)}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(1);
            await (await first.DeleteAsync($"/v2/s3/known/manifests/{RegistryApi.DigestOf(referrer)}")).ShouldBeAsync(HttpStatusCode.Accepted);
            (await (await second.GetAsync($"/v2/s3/known/referrers/{RegistryApi.DigestOf(subject)}")).JsonAsync()).GetProperty("manifests").GetArrayLength().ShouldBe(0);
            await (await second.DeleteAsync($"/api/repositories/{Uri.EscapeDataString(name)}")).ShouldBeAsync(HttpStatusCode.Accepted);
            (await (await first.GetAsync("/v2/_catalog?n=1000")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(entry => entry.GetString()).ShouldBe(["s3/known"]);
        }
        // Who pulled, a process tells the others at the latest when it ends.
        await first.GetAsync("/v2/s3/known/manifests/old");
        (await one.StopAsync()).ShouldBe(0);
        var tag = (await (await second.GetAsync("/api/repositories/s3%2Fknown?tag=old")).JsonAsync()).GetProperty("tags")[0];
        (DateTimeOffset.UtcNow - tag.GetProperty("pulled").GetDateTimeOffset()).ShouldBeLessThan(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task One_process_collects_at_a_time()
    {
        await using var server = await StartAsync();
        await using var one = await RegistryProcess.WharfAsync(server.Config());
        await using var two = await RegistryProcess.WharfAsync(server.Config());
        using var first = new RegistryApi(one.Url);
        using var second = new RegistryApi(two.Url);
        var answers = await Task.WhenAll(first.SendAsync("POST", "/api/collect"), second.SendAsync("POST", "/api/collect"));
        answers.Count(answer => answer.StatusCode == HttpStatusCode.OK).ShouldBe(1);
        await answers.Single(answer => answer.StatusCode != HttpStatusCode.OK).ShouldRefuseAsync(409, "UNSUPPORTED");
        await (await second.SendAsync("POST", "/api/collect")).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Pulls_can_be_sent_to_the_store_itself()
    {
        await using var server = await StartAsync();
        await using var registry = await RegistryProcess.WharfAsync(server.Config("\"redirect\": true,"));
        using var api = new RegistryApi(registry.Url);
        var blob = RegistryAnswers.Bytes(1, 5000);
        var digest = await api.PushBlobAsync("s3/redirect", blob);
        var answer = await api.GetAsync($"/v2/s3/redirect/blobs/{digest}");
        await answer.ShouldBeAsync(HttpStatusCode.TemporaryRedirect);
        (await (await api.GetAsync(answer.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
    }
}
