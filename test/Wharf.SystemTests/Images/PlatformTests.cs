using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Indexes kept whole: images of several platforms under one name, and attestations, from registry to registry and through archives.</summary>
public sealed class PlatformTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Arm = "linux/arm64", Provenance = "https://slsa.dev/provenance/v1";
    private readonly EngineApi _api = new(engine.SocketPath);
    private LocalRegistry _registry = null!;
    private HttpClient _http = null!;
    private RegistryWriter _writer = null!;

    public async ValueTask InitializeAsync()
    {
        _registry = await LocalRegistry.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri($"http://{_registry.Address}/v2/") };
        _writer = new RegistryWriter(_http);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var image in _api.GetAsync("/images/json").GetAwaiter().GetResult().Json.AsArray())
            foreach (var tag in image!["RepoTags"]!.AsArray())
                if (tag!.GetValue<string>().StartsWith(_registry.Address, StringComparison.Ordinal) || tag.GetValue<string>().StartsWith("platform-test", StringComparison.Ordinal)) await _api.DeleteAsync($"/images/{tag}?force=1");
        _api.Dispose();
        _http.Dispose();
        await _registry.DisposeAsync();
    }

    private static string Json(string platform)
    {
        var words = platform.Split('/');
        return Uri.EscapeDataString($$"""{"os":"{{words[0]}}","architecture":"{{words[1]}}"{{(words.Length > 2 ? $",\"variant\":\"{words[2]}\"" : "")}}}""");
    }

    [Fact]
    public async Task A_container_of_an_image_for_another_machine_comes_with_a_warning_unless_the_platform_was_asked_for()
    {
        async Task<string[]> CreateAsync(string image, string query = "")
        {
            var made = await _api.PostAsync("/containers/create" + query, $$"""{"Image":"{{image}}","Cmd":["x"]}""");
            made.Status.ShouldBe(201, made.Text);
            (await _api.DeleteAsync($"/containers/{made.Json["Id"]}")).Status.ShouldBe(204);
            return [.. (made.Json["Warnings"] as JsonArray ?? []).Select(static one => one!.GetValue<string>())];
        }
        foreach (var (tag, platform) in new[] { ("other", "linux/arm64/v8"), ("same", "linux/amd64") })
            (await _api.PostTarAsync($"/images/create?fromSrc=-&repo=platform-test-warning&tag={tag}&platform={Uri.EscapeDataString(platform)}", TestTrees.Small("warning " + tag))).Status.ShouldBe(200);
        (await CreateAsync("platform-test-warning:other")).ShouldHaveSingleItem()
            .ShouldMatch(@"^The requested image's platform \(linux/arm64/v8\) does not match the detected host platform \(linux/amd64/v[1-4]\) and no specific platform was requested$");
        (await CreateAsync("platform-test-warning:other", "?platform=linux/arm64/v8")).ShouldBeEmpty();
        (await CreateAsync("platform-test-warning:same")).ShouldBeEmpty();
    }

    /// <summary>An index of images for some platforms, each with an attestation as BuildKit writes them. Gives its digest.</summary>
    private async Task<string> PushIndexAsync(string repository, params string[] platforms)
    {
        var manifests = new JsonArray();
        var attestations = new List<JsonNode>();
        foreach (var platform in platforms)
        {
            var words = platform.Split('/');
            var about = new JsonObject { ["os"] = words[0], ["architecture"] = words[1] };
            if (words.Length > 2) about["variant"] = words[2];
            var layer = TestTrees.Small($"{repository} {platform}", 50_000);
            var config = about.DeepClone();
            config["config"] = new JsonObject();
            config["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(HostileServer.DigestOf(layer)) };
            var image = await _writer.ManifestAsync(repository, null, new JsonObject
            {
                ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
                ["config"] = await _writer.BlobAsync(repository, Encoding.UTF8.GetBytes(config.ToJsonString()), "application/vnd.oci.image.config.v1+json"),
                ["layers"] = new JsonArray(await _writer.BlobAsync(repository, layer, "application/vnd.oci.image.layer.v1.tar")),
            });
            var provenance = await _writer.BlobAsync(repository, Encoding.UTF8.GetBytes($$"""{"_type":"https://in-toto.io/Statement/v0.1","of":"{{platform}}"}"""), "application/vnd.in-toto+json");
            provenance["annotations"] = new JsonObject { ["in-toto.io/predicate-type"] = Provenance };
            var statement = await _writer.ManifestAsync(repository, null, new JsonObject
            {
                ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
                ["config"] = await _writer.BlobAsync(repository, Encoding.UTF8.GetBytes($$"""{"architecture":"unknown","os":"unknown","of":"{{platform}}"}"""), "application/vnd.oci.image.config.v1+json"),
                ["layers"] = new JsonArray(provenance),
            });
            statement["annotations"] = new JsonObject { ["vnd.docker.reference.type"] = "attestation-manifest", ["vnd.docker.reference.digest"] = image["digest"]!.GetValue<string>() };
            statement["platform"] = new JsonObject { ["os"] = "unknown", ["architecture"] = "unknown" };
            image["platform"] = about;
            manifests.Add((JsonNode)image);
            attestations.Add(statement);
        }
        foreach (var statement in attestations) manifests.Add(statement);
        return (await _writer.ManifestAsync(repository, "v1", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = manifests }))["digest"]!.GetValue<string>();
    }

    private async Task<string> PullAsync(string name, string platform)
    {
        var pulled = await _api.PostAsync($"/images/create?fromImage={name}&tag=v1&platform={platform}");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        return (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>();
    }

    private async Task<JsonNode> InspectAsync(string name, string query = "")
    {
        var answer = await _api.GetAsync($"/images/{name}/json{query}");
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private async Task<string> ManifestDigestAsync(string repository)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{repository}/manifests/v1");
        request.Headers.TryAddWithoutValidation("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json");
        using var answer = await _http.SendAsync(request);
        return HostileServer.DigestOf(await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Platforms_that_are_pulled_one_after_the_other_stay_under_one_name()
    {
        var index = await PushIndexAsync("one", "linux/amd64", Arm, "linux/arm/v6");
        var name = $"{_registry.Address}/one";
        var amd = await PullAsync(name, "linux/amd64");
        var arm = await PullAsync(name, Arm);
        arm.ShouldNotBe(amd);
        // The name alone is the one that came last; with a platform, that platform's.
        (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>().ShouldBe(arm);
        (await InspectAsync($"{name}:v1", $"?platform={Json("linux/amd64")}"))["Id"]!.GetValue<string>().ShouldBe(amd);
        foreach (var id in (string[])[amd, arm])
        {
            (await InspectAsync(id))["RepoTags"]!.ToJsonString().ShouldBe($"""["{name}:v1"]""");
            (await InspectAsync(id))["RepoDigests"]!.ToJsonString().ShouldBe($"""["{name}@{index}"]""");
        }
        (await _api.GetAsync($"/images/{name}:v1/history?platform={Json("linux/amd64")}")).Json[0]!["Id"]!.GetValue<string>().ShouldBe(amd);
        (await _api.GetAsync($"/images/{name}:v1/json?platform={Json("linux/s390x")}")).Status.ShouldBe(404);
        var created = await _api.PostAsync("/containers/create?platform=linux/amd64", $$"""{"Image":"{{name}}:v1","Cmd":["x"]}""");
        created.Status.ShouldBe(201, created.Text);
        var container = created.Json["Id"]!.GetValue<string>();
        (await _api.GetAsync($"/containers/{container}/json")).Json["Image"]!.GetValue<string>().ShouldBe(amd);
        // What the index holds, and what of it is here.
        var manifests = (await InspectAsync($"{name}:v1", "?manifests=1"))["Manifests"]!.AsArray();
        manifests.Select(one => $"{one!["Kind"]} {one["ImageData"]?["Platform"]?["architecture"]} {one["Available"]}").ShouldBe(
            ["image amd64 true", "image arm64 true", "image arm false", "attestation  true", "attestation  true", "attestation  false"]);
        manifests[0]!["ImageData"]!["Containers"]!.ToJsonString().ShouldBe($"""["{container}"]""");
        manifests[3]!["AttestationData"]!["For"]!.GetValue<string>().ShouldBe(manifests[0]!["ID"]!.GetValue<string>());
        manifests[0]!["Size"]!["Total"]!.GetValue<long>().ShouldBeGreaterThan(50_000);
        // In use, it is not removed; afterwards all of it goes with the name.
        (await _api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(409);
        (await _api.DeleteAsync($"/containers/{container}")).Status.ShouldBe(204);
        var removed = (await _api.DeleteAsync($"/images/{name}:v1")).Text;
        removed.ShouldContain($"\"Deleted\":\"{amd}\"");
        removed.ShouldContain($"\"Deleted\":\"{arm}\"");
        (await _api.GetAsync($"/images/{amd}/json")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task One_of_several_platforms_is_removed_and_the_name_stays()
    {
        await PushIndexAsync("part", "linux/amd64", Arm);
        var name = $"{_registry.Address}/part";
        var amd = await PullAsync(name, "linux/amd64");
        var arm = await PullAsync(name, Arm);
        (await _api.DeleteAsync($"/images/{name}:v1?platforms={Json(Arm)}")).Text.ShouldContain($"\"Deleted\":\"{arm}\"");
        (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>().ShouldBe(amd);
        await PullAsync(name, Arm);
        (await _api.DeleteAsync($"/images/{amd}")).Status.ShouldBe(200);
        (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>().ShouldBe(arm);
        (await _api.GetAsync($"/images/{amd}/json")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_tag_that_moves_to_another_index_leaves_the_old_platforms_without_a_name()
    {
        await PushIndexAsync("moves", "linux/amd64", Arm);
        var name = $"{_registry.Address}/moves";
        var old = await PullAsync(name, Arm);
        await PullAsync(name, "linux/amd64");
        await PushIndexAsync("moves", "linux/amd64");
        await PullAsync(name, "linux/amd64");
        (await _api.GetAsync($"/images/{name}:v1/json?platform={Json(Arm)}")).Status.ShouldBe(404);
        (await InspectAsync(old))["RepoTags"]!.AsArray().Count.ShouldBe(0);
        await _api.DeleteAsync($"/images/{old}?force=1");
    }

    [Fact]
    public async Task An_index_of_which_all_is_here_is_pushed_whole_with_its_attestations()
    {
        var index = await PushIndexAsync("whole", "linux/amd64", Arm);
        var name = $"{_registry.Address}/whole";
        await PullAsync(name, "linux/amd64");
        await PullAsync(name, Arm);
        (await _api.PostAsync($"/images/{name}:v1/tag?repo={_registry.Address}/copy&tag=v1")).Status.ShouldBe(201);
        var pushed = await _api.PostAsync($"/images/{_registry.Address}/copy/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        pushed.Lines[^1]["aux"]!["Digest"]!.GetValue<string>().ShouldBe(index);
        (await ManifestDigestAsync("copy")).ShouldBe(index);
        // All that it names is there too: skopeo would miss it.
        (await CommandResult.RunAsync("skopeo", ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", $"docker://{_registry.Address}/copy:v1", $"docker://{_registry.Address}/again:v1"], seconds: 60)).ShouldExit(0);
        // With a platform, that platform's manifest alone.
        (await _api.PostAsync($"/images/{_registry.Address}/copy/push?tag=v1&platform={Json(Arm)}", auth: "{}")).StreamError.ShouldBeNull();
        (await ManifestDigestAsync("copy")).ShouldNotBe(index);
    }

    [Fact]
    public async Task An_image_with_an_attestation_keeps_its_digest_from_pull_to_push()
    {
        var index = await PushIndexAsync("attested", "linux/amd64");
        var name = $"{_registry.Address}/attested";
        await PullAsync(name, "linux/amd64");
        (await _api.PostAsync($"/images/{name}:v1/tag?repo={_registry.Address}/attested-copy&tag=v1")).Status.ShouldBe(201);
        (await _api.PostAsync($"/images/{_registry.Address}/attested-copy/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await ManifestDigestAsync("attested-copy")).ShouldBe(index);
    }

    [Fact]
    public async Task Attestations_of_an_image_are_told_by_platform_and_type()
    {
        await PushIndexAsync("told", "linux/amd64", Arm);
        var name = $"{_registry.Address}/told";
        await PullAsync(name, "linux/amd64");
        await PullAsync(name, Arm);
        var all = (await _api.GetAsync($"/images/{name}:v1/attestations?platform={Json("linux/amd64")}")).Json.AsArray();
        var told = all.ShouldHaveSingleItem()!;
        told["PredicateType"]!.GetValue<string>().ShouldBe(Provenance);
        told["Descriptor"]!["mediaType"]!.GetValue<string>().ShouldBe("application/vnd.in-toto+json");
        told["Statement"].ShouldBeNull();
        var whole = (await _api.GetAsync($"/images/{name}:v1/attestations?statement=true&platform={Json(Arm)}&type={Provenance}")).Json.AsArray();
        whole.ShouldHaveSingleItem()!["Statement"]!["of"]!.GetValue<string>().ShouldBe(Arm);
        (await _api.GetAsync($"/images/{name}:v1/attestations?type=https://spdx.dev/Document")).Json.AsArray().ShouldBeEmpty();
        (await _api.GetAsync("/images/busybox/attestations")).Json.AsArray().ShouldBeEmpty();
        (await _api.GetAsync("/images/nosuch/attestations")).Status.ShouldBe(404);
        (await engine.WharfAsync("image", "attestations", $"{name}:v1")).ShouldExit(0).Out.ShouldContain(Provenance);
        (await engine.WharfAsync("image", "attestations", "--statement", "--platform", Arm, $"{name}:v1")).ShouldExit(0).Text.ShouldBe($$"""{"_type":"https://in-toto.io/Statement/v0.1","of":"{{Arm}}"}""");
    }

    [Fact]
    public async Task Manifest_inspect_of_a_registry_that_is_not_there_says_so_in_dockers_words()
    {
        int port = LocalRegistry.FreePort();
        (await engine.WharfAsync("manifest", "inspect", $"127.0.0.1:{port}/nosuch")).ShouldExit(1).Error.TrimEnd()
            .ShouldBe($"failed to configure transport: error pinging v2 registry: Get \"https://127.0.0.1:{port}/v2/\": dial tcp 127.0.0.1:{port}: connect: connection refused");
    }

    [Fact]
    public async Task An_index_of_which_something_is_missing_gives_the_one_image_that_is_here()
    {
        await PushIndexAsync("partly", "linux/amd64", Arm);
        var name = $"{_registry.Address}/partly";
        var id = await PullAsync(name, Arm);
        (await _api.PostAsync($"/images/{name}:v1/tag?repo={_registry.Address}/partly-copy&tag=v1")).Status.ShouldBe(201);
        (await _api.PostAsync($"/images/{_registry.Address}/partly-copy/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await PullAsync($"{_registry.Address}/partly-copy", Arm)).ShouldBe(id);
        // Where the rest is at the registry already, the index is whole.
        (await _api.PostAsync($"/images/{name}:v1/tag?repo={name}&tag=v2")).Status.ShouldBe(201);
        var again = await _api.PostAsync($"/images/{name}/push?tag=v2", auth: "{}");
        again.Lines[^1]["aux"]!["Digest"]!.GetValue<string>().ShouldBe(await ManifestDigestAsync("partly"));
    }

    [Fact]
    public async Task An_archive_carries_all_platforms_or_those_asked_for()
    {
        await PushIndexAsync("saved", "linux/amd64", Arm, "linux/arm/v6");
        var name = $"{_registry.Address}/saved";
        var amd = await PullAsync(name, "linux/amd64");
        var arm = await PullAsync(name, Arm);
        var all = (await _api.GetAsync($"/images/{name}:v1/get")).Body;
        (await _api.GetAsync($"/images/{name}:v1/get")).Body.AsSpan().SequenceEqual(all).ShouldBeTrue();
        var one = (await _api.GetAsync($"/images/{name}:v1/get?platform={Json("linux/amd64")}")).Body;
        (await _api.GetAsync($"/images/{name}:v1/get?platform={Json("linux/s390x")}")).Message.ShouldBe("no suitable export target found for platform linux/s390x");
        (await _api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        var loaded = await _api.PostTarAsync("/images/load?quiet=1", all);
        loaded.Lines.Select(line => line["stream"]!.GetValue<string>()).ShouldBe([$"Loaded image: {name}:v1\n"]);
        (await InspectAsync($"{name}:v1", $"?platform={Json("linux/amd64")}"))["Id"]!.GetValue<string>().ShouldBe(amd);
        (await InspectAsync($"{name}:v1", $"?platform={Json(Arm)}"))["Id"]!.GetValue<string>().ShouldBe(arm);
        // Pushed from here it is an index again.
        (await _api.PostAsync($"/images/{name}:v1/tag?repo={_registry.Address}/from-archive&tag=v1")).Status.ShouldBe(201);
        (await _api.PostAsync($"/images/{_registry.Address}/from-archive/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
        (await PullAsync($"{_registry.Address}/from-archive", "linux/amd64")).ShouldBe(amd);
        (await PullAsync($"{_registry.Address}/from-archive", Arm)).ShouldBe(arm);
        (await _api.DeleteAsync($"/images/{_registry.Address}/from-archive:v1")).Status.ShouldBe(200);
        (await _api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await _api.PostTarAsync("/images/load?quiet=1", one)).Text.ShouldContain($"Loaded image: {name}:v1");
        (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>().ShouldBe(amd);
        (await _api.GetAsync($"/images/{arm}/json")).Status.ShouldBe(404);
        (await _api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await _api.PostTarAsync($"/images/load?quiet=1&platform={Json(Arm)}", all)).Text.ShouldContain($"Loaded image: {name}:v1");
        (await InspectAsync($"{name}:v1"))["Id"]!.GetValue<string>().ShouldBe(arm);
    }

    [Fact]
    public async Task An_oci_layout_of_several_platforms_is_loaded_whole()
    {
        await PushIndexAsync("layout", "linux/amd64", Arm);
        var work = Directory.CreateTempSubdirectory("wharf-layout-").FullName;
        try
        {
            (await CommandResult.RunAsync("skopeo", ["copy", "--all", "--src-tls-verify=false", $"docker://{_registry.Address}/layout:v1", $"oci-archive:{work}/layout.tar:docker.io/library/platform-test-layout:v1"], seconds: 60)).ShouldExit(0);
            (await _api.PostTarAsync("/images/load?quiet=1", await File.ReadAllBytesAsync($"{work}/layout.tar"))).Text.ShouldContain("Loaded image: platform-test-layout:v1");
        }
        finally { Directory.Delete(work, recursive: true); }
        (await InspectAsync("platform-test-layout:v1"))["Architecture"]!.GetValue<string>().ShouldBe("amd64");
        (await InspectAsync("platform-test-layout:v1", $"?platform={Json(Arm)}"))["Architecture"]!.GetValue<string>().ShouldBe("arm64");
    }
}
