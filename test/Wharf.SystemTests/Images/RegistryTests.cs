using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Pull and push with Debian's docker-registry: open, with passwords, with tokens. All of it holds for real Docker too.</summary>
public sealed class RegistryTests(EngineFixture engine)
{
    private static async Task<string> ImportAsync(EngineApi api, string name, string content, int bytes = 0)
    {
        var answer = await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small(content, bytes));
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Lines[^1]["status"]!.GetValue<string>();
    }

    private static void ShouldSucceed(ApiAnswer answer)
    {
        answer.Status.ShouldBe(200, answer.Text);
        answer.StreamError.ShouldBeNull(answer.Text);
    }

    [Theory]
    [InlineData(RegistryKind.Open, null)]
    [InlineData(RegistryKind.Password, LocalRegistry.Credentials)]
    [InlineData(RegistryKind.Token, LocalRegistry.Credentials)]
    public async Task An_image_goes_to_a_registry_and_comes_back(RegistryKind kind, string? auth)
    {
        await using var registry = await LocalRegistry.StartAsync(kind);
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/private/app";
        var id = await ImportAsync(api, name, "round trip " + kind);
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: auth);
        ShouldSucceed(pushed);
        var digest = pushed.Lines.Single(line => line["aux"] is not null)["aux"]!["Digest"]!.GetValue<string>();
        (await api.GetAsync($"/images/{name}:v1/json")).Json["RepoDigests"]!.ToJsonString().ShouldBe($"""["{name}@{digest}"]""");
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await api.GetAsync($"/images/{id}/json")).Status.ShouldBe(404);
        var pulled = await api.PostAsync($"/images/create?fromImage={name}&tag=v1", auth: auth);
        ShouldSucceed(pulled);
        pulled.Lines[0]["status"]!.GetValue<string>().ShouldBe("Pulling from private/app");
        pulled.Lines.Select(line => line["status"]?.GetValue<string>()).ShouldContain("Pull complete");
        pulled.Lines[^1]["status"]!.GetValue<string>().ShouldBe($"Status: Downloaded newer image for {name}:v1");
        (await api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        ShouldSucceed(await api.PostAsync($"/images/create?fromImage={name}&tag={digest}", auth: auth));
        (await api.GetAsync($"/distribution/{name}:v1/json")).Status.ShouldBe(kind == RegistryKind.Open ? 200 : kind == RegistryKind.Password ? 500 : 403);
        (await api.DeleteAsync($"/images/{id}?force=1")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Wrong_and_missing_passwords_are_told_apart()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        using var api = new EngineApi(engine.SocketPath);
        const string Wrong = """{"username":"alice","password":"wrong"}""";
        var missing = await api.PostAsync($"/images/create?fromImage={registry.Address}/x&tag=v1");
        missing.Status.ShouldBe(500);
        missing.Message.ShouldBe($"Head \"http://{registry.Address}/v2/x/manifests/v1\": no basic auth credentials");
        var wrong = await api.PostAsync($"/images/create?fromImage={registry.Address}/x&tag=v1", auth: Wrong);
        wrong.Status.ShouldBe(401);
        wrong.Message.ShouldBe("unauthorized: authentication required");
        (await api.PostAsync("/auth", $$"""{"username":"alice","password":"secret","serveraddress":"{{registry.Address}}"}""")).Json["Status"]!.GetValue<string>().ShouldBe("Login Succeeded");
        var login = await api.PostAsync("/auth", $$"""{"username":"alice","password":"wrong","serveraddress":"{{registry.Address}}"}""");
        login.Status.ShouldBe(500);
        login.Message.ShouldBe($"login attempt to http://{registry.Address}/v2/ failed with status: 401 Unauthorized");
    }

    [Fact]
    public async Task What_is_not_there_is_told_as_docker_tells_it()
    {
        await using var registry = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var pull = await api.PostAsync($"/images/create?fromImage={registry.Address}/nosuch&tag=v1");
        pull.Status.ShouldBe(404);
        pull.Message.ShouldBe($"manifest for {registry.Address}/nosuch:v1 not found: manifest unknown: manifest unknown");
        var push = await api.PostAsync($"/images/{registry.Address}/nosuch/push?tag=v1", auth: "{}");
        push.Status.ShouldBe(200);
        push.StreamError.ShouldBe($"An image does not exist locally with the tag: {registry.Address}/nosuch");
        int closed = LocalRegistry.FreePort();
        var refused = await api.PostAsync($"/images/create?fromImage=127.0.0.1:{closed}/x&tag=v1");
        refused.Status.ShouldBe(500);
        refused.Message.ShouldBe($"Get \"http://127.0.0.1:{closed}/v2/\": dial tcp 127.0.0.1:{closed}: connect: connection refused");
    }

    [Fact]
    public async Task A_token_is_asked_for_with_the_scope_that_is_needed_and_an_identity_token_does_for_a_password()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Token);
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/public/app";
        await ImportAsync(api, name, "identity");
        var login = (await api.PostAsync("/auth", $$"""{"username":"alice","password":"secret","serveraddress":"{{registry.Address}}"}""")).Json;
        login["IdentityToken"]!.GetValue<string>().ShouldBe("refresh-of-alice");
        var auth = """{"identitytoken":"refresh-of-alice"}""";
        ShouldSucceed(await api.PostAsync($"/images/{name}/push?tag=v1", auth: auth));
        registry.TokenRequests.ShouldContain(request => request.StartsWith("POST ", StringComparison.Ordinal) && (request.Contains("repository:public/app:pull,push") || request.Contains("repository:public/app:push,pull")));
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        var denied = await api.PostAsync($"/images/create?fromImage={registry.Address}/private/app&tag=v1");
        denied.Status.ShouldBe(404);
        denied.Message.ShouldBe($"pull access denied for {registry.Address}/private/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied");
        // What is public needs no password, and a wrong one is refused all the same.
        ShouldSucceed(await api.PostAsync($"/images/create?fromImage={name}&tag=v1"));
        (await api.PostAsync($"/images/create?fromImage={name}&tag=v1", auth: """{"username":"alice","password":"wrong"}""")).Status.ShouldBeOneOf(401, 500);
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task All_tags_are_pulled_when_none_is_named()
    {
        await using var registry = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/many";
        await ImportAsync(api, name, "many");
        (await api.PostAsync($"/images/{name}:v1/tag?repo={name}&tag=v2")).Status.ShouldBe(201);
        ShouldSucceed(await api.PostAsync($"/images/{name}/push", auth: "{}"));
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        (await api.DeleteAsync($"/images/{name}:v2")).Status.ShouldBe(200);
        ShouldSucceed(await api.PostAsync($"/images/create?fromImage={name}"));
        var tags = (await api.GetAsync($"/images/{name}:v1/json")).Json["RepoTags"]!.ToJsonString();
        tags.ShouldBe($"""["{name}:v1","{name}:v2"]""");
        foreach (var tag in (string[])["v1", "v2"]) await api.DeleteAsync($"/images/{name}:{tag}");
    }

    [Fact]
    public async Task A_second_push_sends_nothing_and_another_repository_takes_layers_over()
    {
        await using var registry = await LocalRegistry.StartAsync();
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{registry.Address}/first";
        await ImportAsync(api, name, "mount", 200_000);
        ShouldSucceed(await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}"));
        var again = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        again.Lines.Select(line => line["status"]?.GetValue<string>()).ShouldContain("Layer already exists");
        (await api.PostAsync($"/images/{name}:v1/tag?repo={registry.Address}/second&tag=v1")).Status.ShouldBe(201);
        var mounted = await api.PostAsync($"/images/{registry.Address}/second/push?tag=v1", auth: "{}");
        ShouldSucceed(mounted);
        mounted.Lines.Select(line => line["status"]?.GetValue<string>()).ShouldContain("Mounted from first");
        foreach (var one in (string[])["first", "second"]) await api.DeleteAsync($"/images/{registry.Address}/{one}:v1");
    }
}
