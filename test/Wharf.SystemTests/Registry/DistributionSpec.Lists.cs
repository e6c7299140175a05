using System.Net;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>"Content Discovery" and "Content Management".</summary>
public abstract partial class DistributionSpec
{
    [Fact(DisplayName = "Listing Tags: name and tags")]
    public Task Listing_tags() => CheckAsync(async () =>
    {
        var layer = Unique();
        foreach (var tag in (string[])["b", "a", "c"]) await Api.PushImageAsync("list/tags", tag, layer);
        var response = await Api.GetAsync("/v2/list/tags/tags/list");
        (await response.JsonAsync()).GetProperty("name").GetString().ShouldBe("list/tags");
        (await Api.TagsAsync("list/tags")).ShouldBe(["a", "b", "c"]);
    });

    [Fact(DisplayName = "Listing Tags: lexical, i.e. case-insensitive alphanumeric order")]
    public Task Listing_tags_in_case_insensitive_order() => CheckAsync(async () =>
    {
        var layer = Unique();
        foreach (var tag in (string[])["Beta", "alpha", "GAMMA", "beta", "1.0", "_x"]) await Api.PushImageAsync("list/order", tag, layer);
        var tags = await Api.TagsAsync("list/order");
        tags.ShouldBe(tags.OrderBy(tag => tag.ToLowerInvariant(), StringComparer.Ordinal).ThenBy(tag => tag, StringComparer.Ordinal));
        tags.Count.ShouldBe(6);
    });

    [Fact(DisplayName = "Listing Tags: n and last give pages, Link leads on")]
    public Task Listing_tags_in_pages_by_n_and_last() => CheckAsync(async () =>
    {
        var layer = Unique();
        string[] all = ["t0", "T1", "t2", "T3", "t4"];
        foreach (var tag in all) await Api.PushImageAsync("list/pages", tag, layer);
        (await Api.TagsAsync("list/pages", "?n=2")).ShouldBe(all[..2]);
        (await Api.TagsAsync("list/pages", "?n=2&last=T1")).ShouldBe(all[2..4]);
        (await Api.TagsAsync("list/pages", "?last=t2")).ShouldBe(all[3..]);
        (await Api.TagsAsync("list/pages", "?n=10")).ShouldBe(all);
        var found = new List<string>();
        string? next = "/v2/list/pages/tags/list?n=2";
        for (int i = 0; next is not null && i < 10; i++)
        {
            var response = await Api.GetAsync(next);
            found.AddRange((await response.JsonAsync()).GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!));
            var link = response.Header("Link");
            link?.ShouldContain("rel=\"next\"");
            next = link is null ? null : link[(link.IndexOf('<') + 1)..link.IndexOf('>')];
        }
        found.ShouldBe(all);
    });

    [Fact(DisplayName = "Listing Tags: n=0 is an empty list without Link")]
    public Task Listing_no_tags_when_n_is_zero() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("list/zero", "v1", Unique());
        var response = await Api.GetAsync("/v2/list/zero/tags/list?n=0");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        (await response.JsonAsync()).GetProperty("tags").GetArrayLength().ShouldBe(0);
        response.Header("Link").ShouldBeNull();
    });

    [Fact(DisplayName = "Listing Referrers: none is an empty index, never 404")]
    public Task Listing_referrers_of_nothing_gives_an_empty_index() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("list/norefs", "v1", Unique());
        var response = await Api.GetAsync($"/v2/list/norefs/referrers/{RegistryApi.DigestOf(Unique())}");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        response.Header("Content-Type").ShouldBe(RegistryApi.OciIndex);
        var index = await response.JsonAsync();
        index.GetProperty("schemaVersion").GetInt32().ShouldBe(2);
        index.GetProperty("mediaType").GetString().ShouldBe(RegistryApi.OciIndex);
        index.GetProperty("manifests").GetArrayLength().ShouldBe(0);
    });

    [Fact(DisplayName = "Listing Referrers: a malformed digest is 400")]
    public Task Listing_referrers_of_a_malformed_digest_is_a_bad_request() => CheckAsync(async () =>
        (await Api.GetAsync("/v2/list/refs/referrers/sha256:nope")).StatusCode.ShouldBe(HttpStatusCode.BadRequest));

    [Fact(DisplayName = "Listing Referrers: descriptors with artifactType (or the config's type) and annotations")]
    public Task Listing_referrers_shows_manifests_with_the_subject() => CheckAsync(async () =>
    {
        var subject = await Api.PushImageAsync("list/refs", "v1", Unique());
        var digest = RegistryApi.DigestOf(subject);
        var typed = await Api.PushImageAsync("list/refs", null, Unique(), digest, subject.Length, "application/vnd.example.sbom.v1", new() { ["org.example.a"] = "b" });
        var untyped = await Api.PushImageAsync("list/refs", null, Unique(), digest, subject.Length);
        var descriptors = await ReferrersAsync("list/refs", digest);
        descriptors.Keys.ShouldBe([RegistryApi.DigestOf(typed), RegistryApi.DigestOf(untyped)], ignoreOrder: true);
        var first = descriptors[RegistryApi.DigestOf(typed)];
        first.GetProperty("artifactType").GetString().ShouldBe("application/vnd.example.sbom.v1");
        first.GetProperty("mediaType").GetString().ShouldBe(RegistryApi.OciManifest);
        first.GetProperty("size").GetInt32().ShouldBe(typed.Length);
        first.GetProperty("annotations").GetProperty("org.example.a").GetString().ShouldBe("b");
        descriptors[RegistryApi.DigestOf(untyped)].GetProperty("artifactType").GetString().ShouldBe(RegistryApi.EmptyType);
        await (await Api.DeleteAsync($"/v2/list/refs/manifests/{RegistryApi.DigestOf(typed)}")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await ReferrersAsync("list/refs", digest)).Keys.ShouldBe([RegistryApi.DigestOf(untyped)]);
    });

    [Fact(DisplayName = "Listing Referrers: of an index without artifactType the field is omitted")]
    public Task Listing_referrers_tells_of_indexes_without_artifact_type() => CheckAsync(async () =>
    {
        var subject = await Api.PushImageAsync("list/refindex", "v1", Unique());
        var index = JsonSerializer.SerializeToUtf8Bytes(new { schemaVersion = 2, mediaType = RegistryApi.OciIndex, manifests = Array.Empty<object>(), subject = new { mediaType = RegistryApi.OciManifest, digest = RegistryApi.DigestOf(subject), size = subject.Length } });
        await (await Api.PutManifestAsync("list/refindex", RegistryApi.DigestOf(index), index, RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        (await ReferrersAsync("list/refindex", RegistryApi.DigestOf(subject)))[RegistryApi.DigestOf(index)].TryGetProperty("artifactType", out _).ShouldBeFalse();
    });

    [Fact(DisplayName = "Listing Referrers: filtered by artifactType, OCI-Filters-Applied tells")]
    public Task Listing_referrers_filters_by_artifact_type() => CheckAsync(async () =>
    {
        var subject = await Api.PushImageAsync("list/filter", "v1", Unique());
        var digest = RegistryApi.DigestOf(subject);
        var sbom = await Api.PushImageAsync("list/filter", null, Unique(), digest, subject.Length, "application/sbom");
        await Api.PushImageAsync("list/filter", null, Unique(), digest, subject.Length, "application/signature");
        var response = await Api.GetAsync($"/v2/list/filter/referrers/{digest}?artifactType=application%2Fsbom");
        response.Header("OCI-Filters-Applied").ShouldBe("artifactType");
        (await response.JsonAsync()).GetProperty("manifests").EnumerateArray().Select(d => d.GetProperty("digest").GetString()).ShouldBe([RegistryApi.DigestOf(sbom)]);
    });

    [Fact(DisplayName = "Listing Referrers: more than fit into one index come in pages, Link leads on")]
    public Task Listing_referrers_in_pages() => CheckAsync(async () =>
    {
        var subject = await Api.PushImageAsync("list/refpages", "v1", Unique());
        var digest = RegistryApi.DigestOf(subject);
        var pushed = new List<string>();
        for (int i = 0; i < 5; i++) pushed.Add(RegistryApi.DigestOf(await Api.PushImageAsync("list/refpages", null, Unique(), digest, subject.Length, "application/large", new() { ["pad"] = new string('x', 1_500_000) })));
        var found = new List<string>();
        int pages = 0;
        for (string? next = $"/v2/list/refpages/referrers/{digest}?artifactType=application/large"; next is not null && pages < 10; pages++)
        {
            var response = await (await Api.GetAsync(next)).ShouldBeAsync(HttpStatusCode.OK);
            response.Header("OCI-Filters-Applied").ShouldBe("artifactType");
            found.AddRange((await response.JsonAsync()).GetProperty("manifests").EnumerateArray().Select(entry => entry.GetProperty("digest").GetString()!));
            var link = response.Header("Link");
            link?.ShouldContain("rel=\"next\"");
            next = link is null ? null : link[(link.IndexOf('<') + 1)..link.IndexOf('>')];
        }
        pages.ShouldBeGreaterThan(1);
        found.ShouldBe(pushed, ignoreOrder: true);
    });

    [Fact(DisplayName = "Enabling the Referrers API: what an index under the referrers tag names is among the referrers")]
    public Task Listing_referrers_includes_those_of_the_tag_schema() => CheckAsync(async () =>
    {
        var subject = await Api.PushImageAsync("list/reftag", "v1", Unique());
        var digest = RegistryApi.DigestOf(subject);
        var referrer = await Api.PushImageAsync("list/reftag", null, Unique(), digest, subject.Length, "application/old");
        await (await Api.PutManifestAsync("list/reftag", digest.Replace(':', '-'), RegistryApi.Index(referrer), RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        (await ReferrersAsync("list/reftag", digest)).Keys.ShouldBe([RegistryApi.DigestOf(referrer)]);
    });

    [Fact(DisplayName = "Listing Tags: a repository without tags has an empty list")]
    public Task Listing_tags_of_a_repository_without_any() => CheckAsync(async () =>
    {
        var manifest = await Api.PushImageAsync("list/none", "v1", Unique());
        await (await Api.DeleteAsync($"/v2/list/none/manifests/{RegistryApi.DigestOf(manifest)}")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await Api.TagsAsync("list/none")).ShouldBeEmpty();
    });

    private async Task<Dictionary<string, JsonElement>> ReferrersAsync(string name, string digest)
    {
        var response = await Api.GetAsync($"/v2/{name}/referrers/{digest}");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        return (await response.JsonAsync()).GetProperty("manifests").EnumerateArray().ToDictionary(descriptor => descriptor.GetProperty("digest").GetString()!);
    }

    [Fact(DisplayName = "Catalogue: repositories in order, in pages (docker's API, kept beside the specification)")]
    public Task Listing_repositories() => CheckAsync(async () =>
    {
        foreach (var name in (string[])["cat/b", "cat/a", "cat/c"]) await Api.PushImageAsync(name, "v1", Unique());
        var all = (await (await Api.GetAsync("/v2/_catalog")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(name => name.GetString()!).ToList();
        all.ShouldBe(all.Order(StringComparer.Ordinal));
        all.ShouldContain("cat/a");
        var page = await Api.GetAsync("/v2/_catalog?n=2");
        (await page.JsonAsync()).GetProperty("repositories").GetArrayLength().ShouldBe(2);
        page.Header("Link").ShouldNotBeNull().ShouldContain("rel=\"next\"");
    });

    [Fact(DisplayName = "Deleting tags: 202, the tag is 404 then, the manifest is not")]
    public Task Deleting_a_tag_leaves_the_manifest() => CheckAsync(async () =>
    {
        var manifest = await Api.PushImageAsync("delete/tag", "v1", Unique());
        await (await Api.PutManifestAsync("delete/tag", "v2", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        await (await Api.DeleteAsync("/v2/delete/tag/manifests/v1")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await Api.HeadAsync("/v2/delete/tag/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.HeadAsync($"/v2/delete/tag/manifests/{RegistryApi.DigestOf(manifest)}")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Api.TagsAsync("delete/tag")).ShouldBe(["v2"]);
        (await Api.DeleteAsync("/v2/delete/tag/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Deleting Manifests: 202, then it and every tag of it are 404")]
    public Task Deleting_a_manifest_takes_its_tags() => CheckAsync(async () =>
    {
        var manifest = await Api.PushImageAsync("delete/manifest", "v1", Unique());
        var digest = RegistryApi.DigestOf(manifest);
        await (await Api.DeleteAsync($"/v2/delete/manifest/manifests/{digest}")).ShouldBeAsync(HttpStatusCode.Accepted);
        foreach (var reference in (string[])["v1", digest]) (await Api.SendAsync("GET", $"/v2/delete/manifest/manifests/{reference}", headers: [("Accept", RegistryApi.OciManifest)])).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.DeleteAsync($"/v2/delete/manifest/manifests/{digest}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.DeleteAsync($"/v2/delete/never/manifests/{digest}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Deleting Blobs: 202, then it is 404")]
    public Task Deleting_a_blob() => CheckAsync(async () =>
    {
        var digest = await Api.PushBlobAsync("delete/blob", Unique());
        await (await Api.DeleteAsync($"/v2/delete/blob/blobs/{digest}")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await Api.GetAsync($"/v2/delete/blob/blobs/{digest}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.DeleteAsync($"/v2/delete/blob/blobs/{digest}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Deleting Blobs: another repository keeps its own")]
    public Task Deleting_a_blob_leaves_it_to_others() => CheckAsync(async () =>
    {
        var blob = Unique();
        var digest = await Api.PushBlobAsync("delete/mine", blob);
        await Api.PushBlobAsync("delete/yours", blob);
        await (await Api.DeleteAsync($"/v2/delete/mine/blobs/{digest}")).ShouldBeAsync(HttpStatusCode.Accepted);
        (await (await Api.GetAsync($"/v2/delete/yours/blobs/{digest}")).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
    });

    [Fact(DisplayName = "Error Codes: errors are JSON of the specification's form; unknown methods are refused")]
    public Task Errors_have_the_form() => CheckAsync(async () =>
    {
        var response = await Api.GetAsync($"/v2/errors/form/blobs/{RegistryApi.DigestOf(Unique())}");
        response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var error = (await response.JsonAsync()).GetProperty("errors")[0];
        error.GetProperty("code").GetString()!.ShouldAllBe(letter => char.IsAsciiLetterUpper(letter) || letter == '_');
        error.TryGetProperty("message", out _).ShouldBeTrue();
        string[] listed = ["BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"];
        foreach (var (method, path) in ((string, string)[])
            [("GET", "/v2/errors/form/manifests/v1"), ("GET", "/v2/errors/form/tags/list"), ("GET", "/v2/Errors/tags/list"), ("GET", "/v2/errors/form/tags/list?n=x"), ("PUT", "/v2/errors/form/manifests/v1"), ("PUT", "/v2/errors/form/manifests/-"), ("PATCH", $"/v2/errors/form/blobs/uploads/{Guid.NewGuid()}"), ("DELETE", $"/v2/errors/form/blobs/{RegistryApi.DigestOf(Unique())}")])
        {
            var refused = await Api.SendAsync(method, path);
            ((int)refused.StatusCode).ShouldBeInRange(400, 499, path);
            if (refused.Content.Headers.ContentType?.MediaType == "application/json") (await refused.JsonAsync()).GetProperty("errors")[0].GetProperty("code").GetString().ShouldBeOneOf(listed);
        }
        (await Api.SendAsync("PATCH", "/v2/errors/form/tags/list")).StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
    });
}
