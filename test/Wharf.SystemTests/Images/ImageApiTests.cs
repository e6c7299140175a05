using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Statuses, messages and documents of the image operations; all of it holds for real Docker too.</summary>
public sealed class ImageApiTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Prefix = "images-api-test";
    private readonly EngineApi _api = new(engine.SocketPath);
    private string? _container;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_container is not null) await _api.DeleteAsync($"/containers/{_container}?force=1");
        foreach (var image in (JsonArray)(await _api.GetAsync("/images/json")).Json)
            foreach (var tag in (JsonArray)image!["RepoTags"]!)
                if (tag!.GetValue<string>().StartsWith(Prefix, StringComparison.Ordinal)) await _api.DeleteAsync($"/images/{tag}?force=1");
        _api.Dispose();
    }

    private async Task<string> ImportAsync(string name, string content, params string[] changes)
    {
        var answer = await _api.PostTarAsync($"/images/create?fromSrc=-&repo={Prefix}/{name}&tag=v1{string.Concat(changes.Select(change => "&changes=" + Uri.EscapeDataString(change)))}", TestTrees.Small(content));
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Lines[^1]["status"]!.GetValue<string>();
    }

    private async Task<string> CreateContainerAsync(string image)
    {
        var answer = await _api.PostAsync("/containers/create", $$"""{"Image":"{{image}}","Cmd":["x"]}""");
        answer.Status.ShouldBe(201, answer.Text);
        return _container = answer.Json["Id"]!.GetValue<string>();
    }

    [Fact]
    public async Task An_import_with_changes_shows_in_inspect_and_history()
    {
        var id = await ImportAsync("import", "import", "CMD [\"sh\"]", "ENV A=1", "LABEL l=1", "EXPOSE 80");
        var image = (await _api.GetAsync($"/images/{Prefix}/import:v1/json")).Json;
        image["Id"]!.GetValue<string>().ShouldBe(id);
        image["Config"]!["Cmd"]!.ToJsonString().ShouldBe("""["sh"]""");
        image["Config"]!["Env"]!.ToJsonString().ShouldContain("A=1");
        image["Config"]!["ExposedPorts"]!["80/tcp"].ShouldNotBeNull();
        image["Comment"]!.GetValue<string>().ShouldBe("Imported from -");
        var driver = (await _api.GetAsync("/info")).Json["Driver"]!.GetValue<string>();
        image["GraphDriver"]!["Name"]!.GetValue<string>().ShouldBe(driver);
        if (driver is "overlay2" or "erofs" or "composefs") ((JsonObject)image["GraphDriver"]!["Data"]!).Select(entry => entry.Key).Order().ShouldBe(["MergedDir", "UpperDir", "WorkDir"]);
        else image["GraphDriver"]!["Data"].ShouldBeNull();
        ((JsonArray)image["RepoDigests"]!).Count.ShouldBe(0);
        var step = ((JsonArray)(await _api.GetAsync($"/images/{Prefix}/import:v1/history")).Json)[0]!;
        step["Id"]!.GetValue<string>().ShouldBe(id);
        step["Tags"]!.ToJsonString().ShouldContain($"{Prefix}/import:v1");
    }

    [Theory]
    [InlineData("/images/json?filters=%7B%22reference%22%3A%5B%22a%5B%22%5D%7D", 400, "syntax error in pattern")]
    [InlineData("/images/search?term=x&limit=many", 400, "invalid limit specified: strconv.Atoi: parsing \"many\": invalid syntax")]
    [InlineData("/distribution/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/json", 500, "no manifest found for full image ID")]
    [InlineData("/images/nosuch/json", 404, "No such image: nosuch:latest")]
    [InlineData("/images/INVALID/json", 400, "invalid reference format: repository name (library/INVALID) must be lowercase")]
    [InlineData("/images/nosuch/get", 404, "No such image: nosuch")]
    [InlineData("/images/nosuch/history", 404, "No such image: nosuch:latest")]
    [InlineData("/images/json?filters={\"bogus\":[\"x\"]}", 400, "invalid filter 'bogus'")]
    [InlineData("/images/json?filters={\"dangling\":[\"maybe\"]}", 400, "invalid filter 'dangling=[maybe]'")]
    [InlineData("/images/search?term=x&limit=200", 400, "limit 200 is outside the range of [1, 100]")]
    [InlineData("/distribution/INVALID/json", 400, "invalid reference format: repository name (library/INVALID) must be lowercase")]
    public async Task A_question_that_cannot_be_answered_is_refused_in_dockers_words(string path, int status, string message)
    {
        var answer = await _api.GetAsync(path);
        answer.Status.ShouldBe(message == "syntax error in pattern" && !engine.IsWharf ? 500 : status, answer.Text); // a client's mistake is none of the daemon's
        answer.Message.ShouldBe(message);
    }

    [Fact]
    public async Task A_short_id_of_several_images_is_told_as_docker_tells_it()
    {
        // Seventeen images have sixteen first digits.
        var ids = new List<string>();
        for (int i = 0; i < 17; i++) ids.Add((await ImportAsync("ambiguous" + i, "ambiguous" + i))["sha256:".Length..]);
        var prefix = ids.GroupBy(id => id[0]).First(group => group.Count() > 1).Key;
        foreach (var answer in (ApiAnswer[])[await _api.GetAsync($"/images/{prefix}/json"), await _api.GetAsync($"/images/{prefix}/history"), await _api.DeleteAsync($"/images/{prefix}")])
        {
            answer.Status.ShouldBe(404, answer.Text);
            answer.Message.ShouldBe($"No such image: {prefix}:latest");
        }
        var saved = await _api.GetAsync($"/images/{prefix}/get");
        saved.Status.ShouldBe(500);
        saved.Message.ShouldBe("ambiguous digest string");
        (await _api.GetAsync($"/images/{ids[0][..12]}/json")).Status.ShouldBe(200);
    }

    [Theory]
    [InlineData("repo=images-api-test/B&tag=x", "invalid reference format: repository name (images-api-test/B) must be lowercase")]
    [InlineData("repo=images-api-test/b&tag=-x", "invalid tag format")]
    [InlineData("repo=sha256&tag=x", "refusing to create an ambiguous tag using digest algorithm as name")]
    public async Task A_tag_that_cannot_be_is_refused(string query, string message)
    {
        await ImportAsync("tag", "tag");
        var answer = await _api.PostAsync($"/images/{Prefix}/tag:v1/tag?{query}");
        answer.Status.ShouldBe(400);
        answer.Message.ShouldBe(message);
    }

    [Fact]
    public async Task An_image_in_several_repositories_is_not_removed_by_its_id_alone()
    {
        var id = await ImportAsync("several", "several");
        (await _api.PostAsync($"/images/{Prefix}/several:v1/tag?repo={Prefix}/other&tag=t")).Status.ShouldBe(201);
        var refused = await _api.DeleteAsync($"/images/{id}");
        refused.Status.ShouldBe(409);
        refused.Message.ShouldBe($"conflict: unable to delete {id[7..19]} (must be forced) - image is referenced in multiple repositories");
        (await _api.DeleteAsync($"/images/{Prefix}/other:t")).Text.Trim().ShouldBe($$"""[{"Untagged":"{{Prefix}}/other:t"}]""");
        var removed = (JsonArray)(await _api.DeleteAsync($"/images/{id}")).Json;
        removed.Select(entry => ((JsonObject)entry!).First().Key).Take(2).ShouldBe(["Untagged", "Deleted"]);
        (await _api.GetAsync($"/images/{id}/json")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task An_image_that_a_container_uses_is_removed_only_by_force()
    {
        var id = await ImportAsync("used", "used");
        var container = await CreateContainerAsync($"{Prefix}/used:v1");
        var refused = await _api.DeleteAsync($"/images/{Prefix}/used:v1");
        refused.Status.ShouldBe(409);
        refused.Message.ShouldBe($"conflict: unable to remove repository reference \"{Prefix}/used:v1\" (must force) - container {container[..12]} is using its referenced image {id[7..19]}");
        (await _api.DeleteAsync($"/images/{id}")).Message.ShouldBe($"conflict: unable to delete {id[7..19]} (must be forced) - image is being used by stopped container {container[..12]}");
        (await _api.DeleteAsync($"/images/{id}?force=1")).Status.ShouldBe(200);
        (await _api.GetAsync($"/containers/{container}/json")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_committed_image_knows_its_parent_which_cannot_be_deleted_before_it()
    {
        var parent = await ImportAsync("parent", "parent", "ENV A=1");
        var container = await CreateContainerAsync($"{Prefix}/parent:v1");
        var committed = await _api.PostAsync($"/commit?container={container}&repo={Prefix}/child&tag=v2&author=me&comment=why&changes={Uri.EscapeDataString("ENV B=2")}");
        committed.Status.ShouldBe(201, committed.Text);
        var child = (await _api.GetAsync($"/images/{Prefix}/child:v2/json")).Json;
        child["Parent"]!.GetValue<string>().ShouldBe(parent);
        child["Author"]!.GetValue<string>().ShouldBe("me");
        child["Comment"]!.GetValue<string>().ShouldBe("why");
        child["Config"]!["Env"]!.ToJsonString().ShouldContain("B=2");
        // The container's own settings are what they were.
        (await _api.GetAsync($"/containers/{container}/json")).Json["Config"]!["Env"]!.ToJsonString().ShouldNotContain("B=2");
        ((JsonArray)(await _api.GetAsync($"/images/{Prefix}/child:v2/history")).Json).Select(step => step!["Id"]!.GetValue<string>()).ShouldBe([child["Id"]!.GetValue<string>(), parent]);
        (await _api.DeleteAsync($"/containers/{container}")).Status.ShouldBe(204);
        (await _api.DeleteAsync($"/images/{parent}")).Message.ShouldBe($"conflict: unable to delete {parent[7..19]} (cannot be forced) - image has dependent child images");
    }

    [Fact]
    public async Task The_same_images_saved_twice_are_the_same_bytes_and_load_again()
    {
        var id = await ImportAsync("saved", "saved");
        (await _api.PostAsync($"/images/{Prefix}/saved:v1/tag?repo={Prefix}/saved&tag=v2")).Status.ShouldBe(201);
        var first = await _api.GetAsync($"/images/get?names={Prefix}/saved");
        if (engine.IsWharf) (await _api.GetAsync($"/images/get?names={Prefix}/saved")).Body.ShouldBe(first.Body);
        (await _api.DeleteAsync($"/images/{id}?force=1")).Status.ShouldBe(200);
        var loaded = await _api.PostTarAsync("/images/load", first.Body);
        loaded.Status.ShouldBe(200);
        loaded.Lines.Select(line => line["stream"]?.GetValue<string>()).Where(text => text is not null).ShouldBe([$"Loaded image: {Prefix}/saved:v1\n", $"Loaded image: {Prefix}/saved:v2\n"]);
        (await _api.GetAsync($"/images/{Prefix}/saved:v2/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
    }

    [Fact]
    public async Task A_load_of_no_image_is_answered_by_an_empty_object()
    {
        using var archive = new MemoryStream();
        using (var tar = new System.Formats.Tar.TarWriter(archive, System.Formats.Tar.TarEntryFormat.Pax, leaveOpen: true)) tar.WriteEntry(TestTrees.File("manifest.json", "[]"u8.ToArray()));
        var loaded = await _api.PostTarAsync("/images/load", archive.ToArray());
        (loaded.Status, loaded.Text.Trim()).ShouldBe((200, "{}"));
    }

    [Fact]
    public async Task A_url_to_import_from_is_told_as_it_was_written()
    {
        var refused = await _api.PostAsync("/images/create?fromSrc=nowhere.invalid");
        refused.Status.ShouldBe(500);
        refused.Message.ShouldNotBeNull().ShouldStartWith("Get \"http://nowhere.invalid\": ");
    }

    [Fact]
    public async Task Credentials_of_a_url_to_import_from_are_sent_and_the_password_told_nobody()
    {
        using var server = new HostileServer();
        server.On("/root.tar", TestTrees.Small("import by url"));
        server.On("/lost.tar", static context => { context.Response.StatusCode = 404; context.Response.Close(); return Task.CompletedTask; });
        var imported = await _api.PostAsync($"/images/create?repo={Prefix}/url&tag=1&fromSrc=ada:p%2540s@{server.Address}/root.tar");
        imported.StreamError.ShouldBeNull(imported.Text);
        imported.Text.ShouldContain($"Downloading from http://ada:***@{server.Address}/root.tar");
        (await _api.GetAsync($"/images/{Prefix}/url:1/json")).Json["Comment"]!.GetValue<string>().ShouldBe($"Imported from ada:***@{server.Address}/root.tar");
        var lost = await _api.PostAsync($"/images/create?fromSrc=http://ada:p%2540s@{server.Address}/lost.tar");
        (lost.Status, lost.Message).ShouldBe((404, $"failed to GET http://ada:***@{server.Address}/lost.tar with status 404 Not Found: "));
        server.Requests.Select(static request => request.Authorization).ShouldBe(Enumerable.Repeat("Basic " + Convert.ToBase64String("ada:p@s"u8), 2));
        await _api.DeleteAsync($"/images/{Prefix}/url:1");
    }

    [Fact]
    public async Task A_load_shows_progress_to_who_asks_for_it()
    {
        await ImportAsync("progress", "progress of a load");
        var archive = (await _api.GetAsync($"/images/{Prefix}/progress:v1/get")).Body;
        foreach (var (query, isShown) in ((string, bool)[])[("", false), ("?quiet=0", true), ("?quiet=1", false)])
        {
            (await _api.DeleteAsync($"/images/{Prefix}/progress:v1")).Status.ShouldBe(200);
            var loaded = await _api.PostTarAsync("/images/load" + query, archive);
            loaded.Text.Contains("Loading layer", StringComparison.Ordinal).ShouldBe(isShown, query + loaded.Text);
            loaded.Text.ShouldContain($"Loaded image: {Prefix}/progress:v1");
        }
    }

    [Fact]
    public async Task Loading_another_image_of_the_same_name_leaves_the_old_one_without_it()
    {
        var first = await ImportAsync("moved", "moved one");
        var archive = (await _api.GetAsync($"/images/{Prefix}/moved:v1/get")).Body;
        (await _api.DeleteAsync($"/images/{Prefix}/moved:v1")).Status.ShouldBe(200);
        var second = await ImportAsync("moved", "moved two");
        var loaded = await _api.PostTarAsync("/images/load?quiet=1", archive);
        loaded.Text.ShouldContain($"The image {Prefix}/moved:v1 already exists, renaming the old one with ID {second} to empty string");
        (await _api.GetAsync($"/images/{Prefix}/moved:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(first);
        ((JsonArray)(await _api.GetAsync($"/images/{second}/json")).Json["RepoTags"]!).Count.ShouldBe(0);
        (await _api.DeleteAsync($"/images/{second}")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task An_image_filter_by_reference_shows_only_the_names_that_match()
    {
        await ImportAsync("listed", "listed");
        (await _api.PostAsync($"/images/{Prefix}/listed:v1/tag?repo={Prefix}/listed&tag=other")).Status.ShouldBe(201);
        var list = (JsonArray)(await _api.GetAsync("/images/json?filters=" + Uri.EscapeDataString($$"""{"reference":["{{Prefix}}/listed:o*"]}"""))).Json;
        list.ShouldHaveSingleItem()!["RepoTags"]!.ToJsonString().ShouldBe($"""["{Prefix}/listed:other"]""");
    }

    [Fact]
    public async Task What_is_asked_of_another_platform_is_refused_before_anything_is_done()
    {
        await ImportAsync("platform", "platform");
        var name = $"{Prefix}/platform:v1";
        string Json(string platform) => Uri.EscapeDataString(platform);
        string arm = Json("""{"os":"linux","architecture":"s390x"}"""), found = $"image with reference {name} was found but its platform (linux/";
        foreach (var answer in (ApiAnswer[])[await _api.DeleteAsync($"/images/{name}?platforms={arm}"), await _api.GetAsync($"/images/{name}/json?platform={arm}"), await _api.PostAsync($"/images/{name}/push?platform={arm}", auth: "{}")])
        {
            answer.Status.ShouldBe(404, answer.Text);
            answer.Message.ShouldNotBeNull().ShouldStartWith(found);
        }
        foreach (var (push, missing) in ((string, string)[])[("/platform/push?tag=gone&", "platform:gone"), ("/gone/push?tag=v1&", "gone:v1"), ("/platform/push?", "platform:latest")])
        {
            var answer = await _api.PostAsync($"/images/{Prefix}{push}platform={arm}", auth: "{}");
            answer.Status.ShouldBe(404, answer.Text);
            answer.Message.ShouldBe($"No such image: {Prefix}/{missing}");
        }
        (await _api.GetAsync($"/images/{name}/get?platform={arm}")).Message.ShouldBe("no suitable export target found for platform linux/s390x");
        (await _api.DeleteAsync($"/images/{name}?platforms=x")).Message.ShouldBe("failed to parse platform: invalid character 'x' looking for beginning of value");
        (await _api.DeleteAsync($"/images/{name}?platforms={arm}&platforms={arm}")).Message.ShouldBe("multiple platforms are not supported");
        (await _api.GetAsync($"/images/{name}/json?manifests=1&platform={arm}")).Message.ShouldBe("conflicting options: manifests and platform options cannot both be set");
        (await _api.GetAsync($"/images/{name}/json")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Pruning_takes_nameless_images_and_leaves_those_in_use()
    {
        var label = "prune-" + Guid.NewGuid().ToString("N");
        var id = await ImportAsync("pruned", label, $"LABEL {label}=1");
        var used = await ImportAsync("kept", label + "2", $"LABEL {label}=1");
        await CreateContainerAsync($"{Prefix}/kept:v1");
        (await _api.DeleteAsync($"/images/{Prefix}/kept:v1?force=1")).Status.ShouldBe(200);
        await ImportAsync("pruned", label + "3");
        var pruned = (await _api.PostAsync("/images/prune?filters=" + Uri.EscapeDataString($$"""{"label":["{{label}}"]}"""))).Json;
        pruned["ImagesDeleted"]!.ToJsonString().ShouldContain(id);
        pruned["ImagesDeleted"]!.ToJsonString().ShouldNotContain(used);
        pruned["SpaceReclaimed"]!.GetValue<long>().ShouldBeGreaterThan(0);
    }
}
