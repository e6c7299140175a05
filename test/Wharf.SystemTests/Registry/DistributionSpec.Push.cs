using System.Net;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>"Push".</summary>
public abstract partial class DistributionSpec
{
    [Fact(DisplayName = "POST then PUT: 202 with Location, then 201 with the blob's location")]
    public Task Pushing_by_POST_then_PUT() => CheckAsync(async () =>
    {
        var blob = Unique();
        var digest = RegistryApi.DigestOf(blob);
        var begun = await Api.SendAsync("POST", "/v2/push/mono/blobs/uploads/");
        await begun.ShouldBeAsync(HttpStatusCode.Accepted);
        var put = await Api.SendAsync("PUT", RegistryApi.With(begun.Where(), "digest=" + digest), blob);
        await put.ShouldBeAsync(HttpStatusCode.Created);
        (await (await Api.GetAsync(put.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
    });

    [Fact(DisplayName = "POST then PUT: a wrong digest is 400 DIGEST_INVALID and stores nothing")]
    public Task Pushing_a_wrong_digest() => CheckAsync(async () =>
    {
        var claimed = RegistryApi.DigestOf(Unique());
        var put = await Api.SendAsync("PUT", RegistryApi.With(await Api.BeginAsync("push/wrong"), "digest=" + claimed), Unique());
        await put.ShouldRefuseAsync(400, "DIGEST_INVALID");
        (await Api.HeadAsync($"/v2/push/wrong/blobs/{claimed}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await (await Api.SendAsync("PUT", RegistryApi.With(await Api.BeginAsync("push/wrong"), "digest=md5:abc"), Unique())).ShouldRefuseAsync(400, "DIGEST_INVALID");
        await (await Api.SendAsync("PUT", await Api.BeginAsync("push/wrong"), Unique())).ShouldRefuseAsync(400, "DIGEST_INVALID");
    });

    [Fact(DisplayName = "Single POST: 201 with the blob's location (or 202 to go on by PUT)")]
    public Task Pushing_a_single_POST_stores_the_blob() => CheckAsync(async () =>
    {
        var blob = Unique();
        var response = await Api.SendAsync("POST", $"/v2/push/single/blobs/uploads/?digest={RegistryApi.DigestOf(blob)}", blob);
        await response.ShouldBeAsync(HttpStatusCode.Created);
        (await (await Api.GetAsync(response.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        await (await Api.SendAsync("POST", $"/v2/push/single/blobs/uploads/?digest={RegistryApi.DigestOf(Unique())}", blob)).ShouldRefuseAsync(400, "DIGEST_INVALID");
    });

    [Fact(DisplayName = "Pushing a blob in chunks: each 202 with Location and Range, closed by PUT with or without a last chunk")]
    public Task Pushing_in_chunks() => CheckAsync(async () =>
    {
        var blob = Unique(3000);
        foreach (bool lastInPut in (bool[])[false, true])
        {
            var location = await Api.BeginAsync("push/chunks");
            for (int at = 0; at < (lastInPut ? 2000 : 3000); at += 1000)
            {
                var patch = await Api.SendAsync("PATCH", location, blob[at..(at + 1000)], contentRange: $"{at}-{at + 999}");
                await patch.ShouldBeAsync(HttpStatusCode.Accepted);
                patch.Header("Range").ShouldBe($"0-{at + 999}");
                location = patch.Where();
            }
            var status = await Api.GetAsync(location);
            await status.ShouldBeAsync(HttpStatusCode.NoContent);
            status.Header("Range").ShouldBe(lastInPut ? "0-1999" : "0-2999");
            var put = await Api.SendAsync("PUT", RegistryApi.With(status.Where(), "digest=" + RegistryApi.DigestOf(blob)), lastInPut ? blob[2000..] : [], contentRange: lastInPut ? "2000-2999" : null);
            await put.ShouldBeAsync(HttpStatusCode.Created);
            (await (await Api.GetAsync(put.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        }
    });

    [Fact(DisplayName = "Pushing a blob in chunks: out of order is 416, and GET tells where to go on")]
    public Task Pushing_chunks_out_of_order_is_answered_with_416() => CheckAsync(async () =>
    {
        var blob = Unique(2000);
        var location = await Api.BeginAsync("push/order");
        (await Api.SendAsync("PATCH", location, blob[1000..], contentRange: "1000-1999")).StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        var first = await Api.SendAsync("PATCH", location, blob[..1000], contentRange: "0-999");
        await first.ShouldBeAsync(HttpStatusCode.Accepted);
        var again = await Api.SendAsync("PATCH", first.Where(), blob[..1000], contentRange: "0-999");
        again.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        var status = await Api.GetAsync(first.Where());
        await status.ShouldBeAsync(HttpStatusCode.NoContent);
        status.Header("Range").ShouldBe("0-999");
        var second = await Api.SendAsync("PATCH", status.Where(), blob[1000..], contentRange: "1000-1999");
        await second.ShouldBeAsync(HttpStatusCode.Accepted);
        await (await Api.SendAsync("PUT", RegistryApi.With(second.Where(), "digest=" + RegistryApi.DigestOf(blob)))).ShouldBeAsync(HttpStatusCode.Created);
    });

    [Fact(DisplayName = "Pushing a blob in chunks: an upload that is not there is 404 BLOB_UPLOAD_UNKNOWN")]
    public Task Uploads_that_are_not_there() => CheckAsync(async () =>
    {
        await Api.PushBlobAsync("push/unknown", Unique());
        var location = $"/v2/push/unknown/blobs/uploads/{Guid.NewGuid()}";
        foreach (var (method, path) in ((string, string)[])[("GET", location), ("PATCH", location), ("PUT", location + "?digest=" + RegistryApi.DigestOf([]))])
            (await Api.SendAsync(method, path)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Mounting a blob from another repository: 201 with its location")]
    public Task Mounting_a_blob() => CheckAsync(async () =>
    {
        var blob = Unique();
        var digest = await Api.PushBlobAsync("push/mountfrom", blob);
        var response = await Api.SendAsync("POST", $"/v2/push/mountto/blobs/uploads/?mount={digest}&from=push/mountfrom");
        await response.ShouldBeAsync(HttpStatusCode.Created);
        (await (await Api.GetAsync(response.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        (await Api.GetAsync($"/v2/push/mountto/blobs/{digest}")).StatusCode.ShouldBe(HttpStatusCode.OK);
    });

    [Fact(DisplayName = "Mounting: a blob that is not there begins an upload with 202")]
    public Task Mounting_what_is_not_there_begins_an_upload() => CheckAsync(async () =>
    {
        var response = await Api.SendAsync("POST", $"/v2/push/mountto/blobs/uploads/?mount={RegistryApi.DigestOf(Unique())}&from=push/mountfrom");
        await response.ShouldBeAsync(HttpStatusCode.Accepted);
        response.Where();
    });

    [Fact(DisplayName = "Mounting: from is optional, the registry may find the blob itself")]
    public Task Mounting_without_from_finds_the_blob() => CheckAsync(async () =>
    {
        var digest = await Api.PushBlobAsync("push/mountsource", Unique());
        await (await Api.SendAsync("POST", $"/v2/push/mountanon/blobs/uploads/?mount={digest}")).ShouldBeAsync(HttpStatusCode.Created);
        (await Api.HeadAsync($"/v2/push/mountanon/blobs/{digest}")).StatusCode.ShouldBe(HttpStatusCode.OK);
    });

    [Fact(DisplayName = "Pushing Manifests: 201 with Location and digest, by tag and by digest")]
    public Task Pushing_manifests() => CheckAsync(async () =>
    {
        var layer = Unique();
        await Api.PushBlobAsync("push/manifests", RegistryApi.Empty);
        await Api.PushBlobAsync("push/manifests", layer);
        var manifest = RegistryApi.Manifest(layer);
        foreach (var reference in (string[])["v1", RegistryApi.DigestOf(manifest)])
        {
            var response = await Api.PutManifestAsync("push/manifests", reference, manifest);
            await response.ShouldBeAsync(HttpStatusCode.Created);
            response.Header("Docker-Content-Digest").ShouldBe(RegistryApi.DigestOf(manifest));
            (await (await Api.SendAsync("GET", response.Where(), headers: [("Accept", RegistryApi.OciManifest)])).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        }
    });

    [Fact(DisplayName = "Pushing Manifests: blobs that are not there are MANIFEST_BLOB_UNKNOWN")]
    public Task Pushing_a_manifest_without_its_blobs() => CheckAsync(async () =>
    {
        await Api.PushBlobAsync("push/missing", RegistryApi.Empty);
        await (await Api.PutManifestAsync("push/missing", "v1", RegistryApi.Manifest(Unique()))).ShouldRefuseAsync(400, "MANIFEST_BLOB_UNKNOWN");
        (await Api.HeadAsync("/v2/push/missing/manifests/v1")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Pushing Manifests: what is none is MANIFEST_INVALID; another digest than the path's is refused")]
    public Task Pushing_what_is_no_manifest() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("push/invalid", "ok", Unique());
        await (await Api.PutManifestAsync("push/invalid", "v1", "not json"u8.ToArray())).ShouldRefuseAsync(400, "MANIFEST_INVALID");
        var layer = Unique();
        await Api.PushBlobAsync("push/invalid", layer);
        (await Api.PutManifestAsync("push/invalid", RegistryApi.DigestOf(Unique()), RegistryApi.Manifest(layer))).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    });

    [Fact(DisplayName = "Pushing Manifests: nearly 4 MiB are taken")]
    public Task Pushing_large_manifests() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("push/large", "v0", "layer"u8.ToArray());
        var large = RegistryApi.Manifest("layer"u8.ToArray(), annotations: new() { ["pad"] = new string('x', 3_900_000) });
        await (await Api.PutManifestAsync("push/large", "v1", large)).ShouldBeAsync(HttpStatusCode.Created);
        (await (await Api.SendAsync("GET", "/v2/push/large/manifests/v1", headers: [("Accept", RegistryApi.OciManifest)])).Content.ReadAsByteArrayAsync()).ShouldBe(large);
    });

    [Fact(DisplayName = "Pushing Manifests: over the limit is 413")]
    public Task Refusing_too_large_manifests_with_413() => CheckAsync(async () =>
    {
        await Api.PushImageAsync("push/large", "v0", "layer"u8.ToArray());
        var huge = RegistryApi.Manifest("layer"u8.ToArray(), annotations: new() { ["pad"] = new string('x', 20_000_000) });
        await (await Api.PutManifestAsync("push/large", "v2", huge)).ShouldRefuseAsync(413, "MANIFEST_INVALID");
    });

    [Fact(DisplayName = "Pushing Manifests: an index and its manifests")]
    public Task Pushing_an_index() => CheckAsync(async () =>
    {
        var one = await Api.PushImageAsync("push/index", null, Unique());
        var two = await Api.PushImageAsync("push/index", null, Unique());
        var index = RegistryApi.Index(one, two);
        await (await Api.PutManifestAsync("push/index", "multi", index, RegistryApi.OciIndex)).ShouldBeAsync(HttpStatusCode.Created);
        var pulled = await Api.SendAsync("GET", "/v2/push/index/manifests/multi", headers: [("Accept", RegistryApi.OciIndex)]);
        pulled.Header("Content-Type").ShouldBe(RegistryApi.OciIndex);
        (await pulled.Content.ReadAsByteArrayAsync()).ShouldBe(index);
        await (await Api.PutManifestAsync("push/index", "broken", RegistryApi.Index(RegistryApi.Manifest(Unique())), RegistryApi.OciIndex)).ShouldRefuseAsync(400, "MANIFEST_BLOB_UNKNOWN");
    });

    [Fact(DisplayName = "Pushing Manifests: parameters on the Content-Type are ignored")]
    public Task Content_negotiation_ignores_parameters_of_the_content_type() => CheckAsync(async () =>
    {
        var layer = Unique();
        await Api.PushImageAsync("push/parameters", "v0", layer);
        await (await Api.PutManifestAsync("push/parameters", "v1", RegistryApi.Manifest(layer), RegistryApi.OciManifest + "; charset=utf-8")).ShouldBeAsync(HttpStatusCode.Created);
        (await Api.SendAsync("HEAD", "/v2/push/parameters/manifests/v1", headers: [("Accept", RegistryApi.OciManifest)])).Header("Content-Type").ShouldBe(RegistryApi.OciManifest);
    });

    [Fact(DisplayName = "Pushing Manifests: mediaType and Content-Type must fit; one document is never image and index (GHSA-qq97-vm5h-rrhg)")]
    public Task Pushing_a_manifest_that_is_image_and_index_at_once_is_refused() => CheckAsync(async () =>
    {
        var layer = Unique();
        var manifest = await Api.PushImageAsync("push/confusion", "v0", layer);
        await (await Api.PutManifestAsync("push/confusion", "v1", manifest, RegistryApi.DockerManifest)).ShouldRefuseAsync(400, "MANIFEST_INVALID");
        var both = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2, config = new { mediaType = RegistryApi.EmptyType, digest = RegistryApi.DigestOf(RegistryApi.Empty), size = 2 }, layers = Array.Empty<object>(), manifests = Array.Empty<object>(),
        });
        await (await Api.PutManifestAsync("push/confusion", "v2", both)).ShouldRefuseAsync(400, "MANIFEST_INVALID");
        await (await Api.PutManifestAsync("push/confusion", "v3", both, RegistryApi.OciIndex)).ShouldRefuseAsync(400, "MANIFEST_INVALID");
        var twice = RegistryAnswers.Text($$"""{"schemaVersion":2,"config":{"mediaType":"x/y","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":2},"layers":[],"layers":[]}""");
        await (await Api.PutManifestAsync("push/confusion", "v4", twice)).ShouldRefuseAsync(400, "MANIFEST_INVALID");
    });

    [Fact(DisplayName = "Pushing Manifests with Subject: OCI-Subject is answered, also when the subject is not there")]
    public Task Pushing_with_subject_is_answered_with_the_OCI_Subject_header() => CheckAsync(async () =>
    {
        var layer = Unique();
        await Api.PushBlobAsync("push/subject", RegistryApi.Empty);
        await Api.PushBlobAsync("push/subject", layer);
        var absent = RegistryApi.DigestOf(Unique());
        var manifest = RegistryApi.Manifest(layer, absent, 123);
        var response = await Api.PutManifestAsync("push/subject", RegistryApi.DigestOf(manifest), manifest);
        await response.ShouldBeAsync(HttpStatusCode.Created);
        response.Header("OCI-Subject").ShouldBe(absent);
    });

    [Fact(DisplayName = "Referrers Tag Schema: clients MAY use conditional pushes, and If-Match is honoured")]
    public Task Pushing_a_tag_with_conditions_protects_others_changes() => CheckAsync(async () =>
    {
        var first = await Api.PushImageAsync("push/conditions", "tag", Unique());
        var layer = Unique();
        await Api.PushBlobAsync("push/conditions", layer);
        var second = RegistryApi.Manifest(layer);
        (await Api.SendAsync("PUT", "/v2/push/conditions/manifests/tag", second, RegistryApi.OciManifest, headers: [("If-Match", $"\"{RegistryApi.DigestOf(second)}\"")])).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
        (await Api.SendAsync("PUT", "/v2/push/conditions/manifests/tag", second, RegistryApi.OciManifest, headers: [("If-None-Match", "*")])).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);
        await (await Api.SendAsync("PUT", "/v2/push/conditions/manifests/tag", second, RegistryApi.OciManifest, headers: [("If-Match", $"\"{RegistryApi.DigestOf(first)}\"")])).ShouldBeAsync(HttpStatusCode.Created);
    });

    [Fact(DisplayName = "Content Digests: sha512 for blobs and manifests")]
    public Task Pushing_with_sha512_blobs_and_manifests() => CheckAsync(async () =>
    {
        var blob = Unique();
        foreach (bool chunked in (bool[])[false, true])
        {
            var location = await Api.BeginAsync("push/sha512");
            if (chunked) location = (await Api.SendAsync("PATCH", location, blob)).Where();
            var put = await Api.SendAsync("PUT", RegistryApi.With(location, "digest=" + RegistryApi.Sha512Of(blob)), chunked ? [] : blob);
            await put.ShouldBeAsync(HttpStatusCode.Created);
            (await (await Api.GetAsync($"/v2/push/sha512/blobs/{RegistryApi.Sha512Of(blob)}")).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
        }
        await Api.PushBlobAsync("push/sha512", RegistryApi.Empty);
        await Api.PushBlobAsync("push/sha512", blob);
        var manifest = RegistryApi.Manifest(blob);
        var response = await Api.PutManifestAsync("push/sha512", RegistryApi.Sha512Of(manifest), manifest);
        await response.ShouldBeAsync(HttpStatusCode.Created);
        response.Header("Docker-Content-Digest").ShouldBe(RegistryApi.Sha512Of(manifest));
        (await (await Api.GetAsync($"/v2/push/sha512/manifests/{RegistryApi.Sha512Of(manifest)}")).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
    });

    [Fact(DisplayName = "POST then PUT: the location has a UUID that no other session has")]
    public Task Each_upload_has_a_UUID_of_its_own() => CheckAsync(async () =>
    {
        var ids = new HashSet<string>();
        for (int i = 0; i < 3; i++) ids.Add(System.Text.RegularExpressions.Regex.Match(await Api.BeginAsync("push/uuid"), "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").Value).ShouldBeTrue();
        ids.ShouldNotContain("");
    });

    [Fact(DisplayName = "Cancel a blob upload: 204, and the session is gone")]
    public Task Cancelling_an_upload() => CheckAsync(async () =>
    {
        var location = await Api.BeginAsync("push/cancel");
        var patch = await Api.SendAsync("PATCH", location, Unique(100), contentRange: "0-99");
        await (await Api.DeleteAsync(patch.Where())).ShouldBeAsync(HttpStatusCode.NoContent);
        (await Api.GetAsync(patch.Where())).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Api.DeleteAsync(patch.Where())).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    });

    [Fact(DisplayName = "Pushing a blob in chunks: a body of unknown length without Content-Range goes where the upload stands")]
    public Task Pushing_a_stream() => CheckAsync(async () =>
    {
        var blob = Unique(5000);
        using var request = new HttpRequestMessage(HttpMethod.Patch, new Uri(Api.Http.BaseAddress!, await Api.BeginAsync("push/stream"))) { Content = new StreamContent(new MemoryStream(blob)) };
        request.Headers.TransferEncodingChunked = true;
        request.Content.Headers.ContentType = new("application/octet-stream");
        var patch = await (await Api.Http.SendAsync(request)).ShouldBeAsync(HttpStatusCode.Accepted);
        patch.Header("Range").ShouldBe("0-4999");
        var put = await (await Api.SendAsync("PUT", RegistryApi.With(patch.Where(), "digest=" + RegistryApi.DigestOf(blob)))).ShouldBeAsync(HttpStatusCode.Created);
        (await (await Api.GetAsync(put.Where())).Content.ReadAsByteArrayAsync()).ShouldBe(blob);
    });

    [Fact(DisplayName = "Pushing Manifests: the list of layers may be empty, and one blob may stand for all")]
    public Task Pushing_a_manifest_without_layers() => CheckAsync(async () =>
    {
        await Api.PushBlobAsync("push/nolayers", RegistryApi.Empty);
        var config = $$"""{"mediaType":"{{RegistryApi.EmptyType}}","digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}","size":2}""";
        foreach (var layers in (string[])["", config])
        {
            var manifest = RegistryAnswers.Text($$"""{"schemaVersion":2,"mediaType":"{{RegistryApi.OciManifest}}","artifactType":"application/vnd.example","config":{{config}},"layers":[{{layers}}]}""");
            await (await Api.PutManifestAsync("push/nolayers", "v1", manifest)).ShouldBeAsync(HttpStatusCode.Created);
            (await (await Api.SendAsync("GET", "/v2/push/nolayers/manifests/v1", headers: [("Accept", RegistryApi.OciManifest)])).Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
        }
    });

    [Fact(DisplayName = "Pushing Manifests: Docker's own types (schema 2 and its list) are kept as they are")]
    public Task Pushing_documents_of_docker() => CheckAsync(async () =>
    {
        const string listType = "application/vnd.docker.distribution.manifest.list.v2+json";
        var layer = Unique();
        foreach (var blob in (byte[][])[RegistryApi.Empty, layer]) await Api.PushBlobAsync("push/docker", blob);
        var manifest = RegistryAnswers.Text($$"""{"schemaVersion":2,"mediaType":"{{RegistryApi.DockerManifest}}","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"{{RegistryApi.DigestOf(RegistryApi.Empty)}}"},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":{{layer.Length}},"digest":"{{RegistryApi.DigestOf(layer)}}"}]}""");
        var list = RegistryAnswers.Text($$$"""{"schemaVersion":2,"mediaType":"{{{listType}}}","manifests":[{"mediaType":"{{{RegistryApi.DockerManifest}}}","size":{{{manifest.Length}}},"digest":"{{{RegistryApi.DigestOf(manifest)}}}","platform":{"architecture":"amd64","os":"linux"}}]}""");
        foreach (var (tag, bytes, type) in ((string, byte[], string)[])[("one", manifest, RegistryApi.DockerManifest), ("list", list, listType)])
        {
            await (await Api.PutManifestAsync("push/docker", tag, bytes, type)).ShouldBeAsync(HttpStatusCode.Created);
            var pulled = await Api.SendAsync("GET", $"/v2/push/docker/manifests/{tag}", headers: [("Accept", type)]);
            pulled.Header("Content-Type").ShouldBe(type);
            (await pulled.Content.ReadAsByteArrayAsync()).ShouldBe(bytes);
        }
    });
}
