using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Registries that only a proxy reaches: their name means nothing here.</summary>
public sealed class ProxyTests
{
    [Theory]
    [InlineData(RegistryKind.Open, false)]
    [InlineData(RegistryKind.Open, true)]
    [InlineData(RegistryKind.Tls, false)]
    [InlineData(RegistryKind.Tls, true)]
    public async Task An_image_goes_and_comes_through_a_proxy_that_wants_a_password(RegistryKind kind, bool byEnvironment)
    {
        await using var registry = await LocalRegistry.StartAsync(kind, "registry.test");
        using var proxy = new ConnectProxy(registry.Port, "user:p@ss");
        var (url, address) = ($"http://user:p%40ss@{proxy.Address}", $"registry.test:{registry.Port}");
        await using var engine = new EngineFixture();
        string[] settings = kind == RegistryKind.Tls ? ["--certs-dir", registry.CertificatesDirectory] : ["--insecure-registry", address];
        if (byEnvironment) engine.Within = ["env", $"HTTP_PROXY={url}", $"https_proxy={url}"];
        else settings = [.. settings, "--http-proxy", url, "--https-proxy", url];
        await engine.StartOwnAsync(settings);
        using var api = new EngineApi(engine.SocketPath);
        var name = address + "/far/app";
        var imported = await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small("proxy", 6_000_000));
        var id = imported.Lines[^1]["status"]!.GetValue<string>();
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        var pulled = await api.PostAsync($"/images/create?fromImage={name}&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        (await api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
        (await api.GetAsync($"/distribution/{name}:v1/json")).Status.ShouldBe(200);
        proxy.Hosts.Distinct().ShouldBe([address]);
        // Who is excepted is asked for directly, and not found.
        await engine.StopDaemonAsync();
        if (byEnvironment) engine.Within = [.. engine.Within, "NO_PROXY=example.org,registry.test"];
        else settings = [.. settings, "--no-proxy", "example.org,registry.test"];
        await engine.StartDaemonAsync(settings);
        int before = proxy.Hosts.Count;
        var refused = await api.PostAsync($"/images/create?fromImage={name}&tag=v1");
        refused.Status.ShouldBe(500);
        refused.Message.ShouldNotBeNull().ShouldContain("lookup registry.test");
        proxy.Hosts.Count.ShouldBe(before);
    }
}
