using System.Net;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>The page for people, as a real Chromium renders it.</summary>
public sealed class RegistryPageTests(WharfRegistryFixture registry) : IClassFixture<WharfRegistryFixture>
{
    private async Task<string> PushAsync(string name)
    {
        var layer = "layer of the page's test"u8.ToArray();
        var config = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64", os = "linux", author = "Ada", config = new { Cmd = new[] { "/bin/serve" }, Labels = new Dictionary<string, string> { ["evil"] = "<img src=x onerror=document.title='hacked'>" } },
            rootfs = new { type = "layers", diff_ids = new[] { RegistryApi.DigestOf(layer) } }, history = new object[] { new { created_by = "COPY app /app" }, new { created_by = "CMD [\"/bin/serve\"]", empty_layer = true } },
        });
        await registry.Api.PushBlobAsync(name, config);
        await registry.Api.PushBlobAsync(name, layer);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2, mediaType = RegistryApi.OciManifest, config = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = RegistryApi.DigestOf(config), size = config.Length },
            layers = new[] { new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = RegistryApi.DigestOf(layer), size = layer.Length } },
        });
        await (await registry.Api.PutManifestAsync(name, "v1", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        return RegistryApi.DigestOf(manifest);
    }

    private static string Shows(string text) => $"document.getElementById('main').innerText.includes({JsonSerializer.Serialize(text)})";

    [Fact]
    public async Task Repositories_tags_layers_and_history_are_shown_as_text()
    {
        var digest = await PushAsync("page/app");
        await using var browser = await Chromium.OpenAsync(registry.Process.Url);
        await browser.UntilAsync("document.querySelector('a[href=\"#/r/page/app\"]')");
        await browser.EvaluateAsync("document.querySelector('a[href=\"#/r/page/app\"]').click()");
        await browser.UntilAsync("document.querySelector('a[href=\"#/t/page/app:v1\"]')");
        await browser.UntilAsync(Shows($"docker pull {registry.Process.Authority}/page/app"));
        await browser.EvaluateAsync("document.querySelector('a[href=\"#/t/page/app:v1\"]').click()");
        await browser.UntilAsync(Shows(digest));
        foreach (var text in (string[])["COPY app /app", "linux/amd64", "<img src=x", "Delete this manifest"]) await browser.UntilAsync(Shows(text));
        (await browser.EvaluateAsync("document.title")).GetString().ShouldBe("Wharf Registry");
        (await browser.EvaluateAsync("document.images.length")).GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Long_lists_come_page_by_page_and_can_be_searched()
    {
        await using var own = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(own.Url);
        var manifest = await api.PushImageAsync("many/app", "v000", "x"u8.ToArray());
        for (int i = 1; i < 205; i++) await (await api.PutManifestAsync("many/app", $"v{i:D3}", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        for (int i = 0; i < 101; i++) await api.PushBlobAsync($"many/r{i:D3}", "x"u8.ToArray());
        await using var browser = await Chromium.OpenAsync(own.Url);
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length === 100");
        await browser.EvaluateAsync("document.querySelector('button.more').click()");
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length > 100 && document.querySelector('button.more').hidden");
        await browser.EvaluateAsync("(search => { search.value = 'R099'; search.dispatchEvent(new Event('input')); })(document.querySelector('input[type=search]'))");
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('a[href=\"#/r/many/r099\"]')");
        await browser.EvaluateAsync("location.hash = '#/r/many/app'");
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length === 200");
        await browser.EvaluateAsync("document.querySelector('button.more').click()");
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length === 205 && document.querySelector('button.more').hidden");
    }

    [Fact]
    public async Task Who_may_delete_sees_the_buttons_and_they_delete()
    {
        await using var own = new RegistryProcess();
        foreach (var user in (string[])["alice", "bob"])
            await File.AppendAllTextAsync(Path.Combine(own.Root, "htpasswd"), (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", user], Encoding.UTF8.GetBytes("secret\n"))).ShouldExit(0).Out);
        await own.StartAsync("""{ "auth": { "htpasswd": "ROOT/htpasswd", "policies": [ { "repository": "**", "users": ["alice"], "allow": ["*"] }, { "repository": "**", "users": ["bob"], "allow": ["read"] } ] } }""");
        using var api = new RegistryApi(own.Url);
        api.Http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("alice:secret"u8));
        var manifest = await api.PushImageAsync("rights/app", "v1", "x"u8.ToArray());
        await (await api.PutManifestAsync("rights/app", "v2", manifest)).ShouldBeAsync(HttpStatusCode.Created);
        await using var browser = await Chromium.OpenAsync(new Uri(own.Url, "/#/r/rights/app"));
        await LogInAsync("bob");
        await browser.UntilAsync("document.querySelector('a[href=\"#/t/rights/app:v1\"]')");
        (await browser.EvaluateAsync("document.querySelectorAll('button.bad').length")).GetInt32().ShouldBe(0);
        await browser.EvaluateAsync("document.querySelector('#user button').click()");
        await LogInAsync("alice");
        await browser.UntilAsync("document.querySelectorAll('tbody button.bad').length === 2");
        await browser.EvaluateAsync("document.querySelector('tbody tr button.bad').click()");
        await browser.UntilAsync("document.querySelectorAll('tbody tr').length === 1");
        (await api.TagsAsync("rights/app")).ShouldBe(["v2"]);
        await browser.EvaluateAsync("location.hash = '#/t/rights/app:v2'");
        await browser.UntilAsync(Shows("Delete this manifest"));
        await browser.EvaluateAsync("document.querySelector('button.bad').click()");
        await browser.UntilAsync("location.hash === '#/r/rights/app' && document.querySelectorAll('tbody tr').length === 0");
        (await api.TagsAsync("rights/app")).ShouldBeEmpty();
        await browser.EvaluateAsync("document.querySelector('button.bad').click()");
        await browser.UntilAsync(Shows("Nothing here that you may see"));
        (await api.GetAsync("/v2/rights/app/tags/list")).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        async Task LogInAsync(string user)
        {
            await browser.UntilAsync("document.querySelector('input[name=user]')");
            await browser.EvaluateAsync($"document.querySelector('input[name=user]').value = '{user}'; document.querySelector('input[name=password]').value = 'secret'; document.querySelector('form').requestSubmit()");
        }
    }

    [Fact]
    public async Task A_login_form_opened_before_the_list_came_stays()
    {
        await using var own = new RegistryProcess();
        await File.WriteAllTextAsync(Path.Combine(own.Root, "htpasswd"), "");
        await own.StartAsync("""{ "auth": { "htpasswd": "ROOT/htpasswd", "policies": [ { "repository": "**", "users": ["anonymous"], "allow": ["read"] } ] } }""");
        await using var browser = await Chromium.OpenAsync(own.Url);
        await browser.UntilAsync("document.querySelector('#user button')");
        // The list is held back until the form is open.
        await browser.EvaluateAsync("{ const real = window.fetch; window.fetch = async (path, options) => { if (path.startsWith('/api/repositories')) await new Promise(go => { window.letGo = () => { window.fetch = real; go(); }; }); const answer = await real(path, options); if (path.startsWith('/api/repositories')) setTimeout(() => { window.listCame = true; }, 500); return answer; }; location.hash = '#/again'; }");
        await browser.UntilAsync("window.letGo");
        await browser.EvaluateAsync("document.querySelector('#user button').click()");
        await browser.EvaluateAsync("document.querySelector('input[name=user]').value = 'ada'");
        await browser.EvaluateAsync("window.letGo()");
        await browser.UntilAsync("window.listCame");
        (await browser.EvaluateAsync("document.querySelector('input[name=user]')?.value")).GetString().ShouldBe("ada");
    }

    [Fact]
    public async Task The_page_allows_nothing_from_elsewhere()
    {
        foreach (var path in (string[])["/", "/ui/app.js", "/ui/style.css"])
        {
            var response = await registry.Api.GetAsync(path);
            await response.ShouldBeAsync(HttpStatusCode.OK);
            response.Header("Content-Security-Policy")!.ShouldContain("default-src 'none'");
            Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync()).ShouldNotContain("innerHTML");
        }
        (await registry.Api.GetAsync("/ui/other.js")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
