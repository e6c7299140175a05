using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>Where requests to registries go: endpoints, proxies, challenges.</summary>
public class RegistryRulesTests
{
    [Fact]
    public void Mirrors_are_asked_before_the_registry_and_only_for_pulls()
    {
        var options = new DaemonOptions { RegistryMirrors = ["https://mirror.one", "http://mirror.two:5000"], RegistryHosts = new Dictionary<string, IReadOnlyList<string>> { ["ghcr.io"] = ["https://cache"] } };
        RegistryEndpoint.Of("docker.io", options, push: false).Select(endpoint => (endpoint.Host, endpoint.Scheme, endpoint.IsMirror)).ShouldBe(
            [("mirror.one", "https", true), ("mirror.two:5000", "http", true), ("registry-1.docker.io", null, false)]);
        RegistryEndpoint.Of("docker.io", options, push: true).ShouldHaveSingleItem().Host.ShouldBe("registry-1.docker.io");
        RegistryEndpoint.Of("ghcr.io", options, push: false).Select(endpoint => endpoint.Host).ShouldBe(["cache", "ghcr.io"]);
        RegistryEndpoint.Of("quay.io", options, push: false).ShouldHaveSingleItem().IsInsecure.ShouldBeFalse();
    }

    [Theory]
    [InlineData("localhost:5000", true)]
    [InlineData("127.1.2.3", true)]
    [InlineData("[::1]:5000", true)]
    [InlineData("10.1.2.3:5000", true)]
    [InlineData("plain.test", true)]
    [InlineData("other.test", false)]
    [InlineData("11.1.2.3", false)]
    [InlineData("127.0.0.1.evil.test", false)]
    public void Plain_http_is_for_loopback_and_what_was_said_to_be_insecure(string host, bool allowed) =>
        RegistryEndpoint.IsAllowedPlain(host, new DaemonOptions { InsecureRegistries = ["10.0.0.0/8", "plain.test"] }).ShouldBe(allowed);

    [Theory]
    [InlineData("ftp://x")]
    [InlineData("https://x/path")]
    [InlineData("https://user:pass@x")]
    [InlineData("nonsense")]
    public void A_mirror_that_is_no_plain_address_is_refused(string mirror) =>
        Should.Throw<WharfException>(() => new DaemonOptions { RegistryMirrors = [mirror] }.Validate()).Message.ShouldStartWith("invalid mirror");

    [Theory]
    [InlineData("https://a.test/", "http://secure:1/")]
    [InlineData("http://a.test/", "http://plain:1/")]
    [InlineData("https://127.0.0.1:5000/", null)]
    [InlineData("https://localhost/", null)]
    [InlineData("https://x.corp.test/", null)]
    [InlineData("https://corp.test/", null)]
    [InlineData("https://notcorp.test/", "http://secure:1/")]
    [InlineData("https://10.9.9.9/", null)]
    [InlineData("https://ported.test:8443/", null)]
    [InlineData("https://ported.test/", "http://secure:1/")]
    public void A_proxy_is_used_but_for_what_is_excepted(string url, string? proxy) =>
        new RegistryProxy("plain:1", "http://secure:1", "corp.test, 10.0.0.0/8,ported.test:8443").GetProxy(new Uri(url))?.ToString().ShouldBe(proxy);

    [Theory]
    [InlineData("realm=\"https://a/token\",service=\"s\",scope=\"repository:a:pull,push\"", "https://a/token", "s", "repository:a:pull,push")]
    [InlineData("realm=https://a/token , service=s", "https://a/token", "s", null)]
    [InlineData("REALM=\"a\\\"b\"", "a\"b", null, null)]
    [InlineData("realm=\"first\",realm=\"second\"", "first", null, null)]
    [InlineData("", null, null, null)]
    [InlineData("realm=\"unterminated", "unterminated", null, null)]
    public void A_challenge_is_taken_apart(string text, string? realm, string? service, string? scope)
    {
        var parameters = Challenge.Parse(text);
        parameters.GetValueOrDefault("realm").ShouldBe(realm);
        parameters.GetValueOrDefault("service").ShouldBe(service);
        parameters.GetValueOrDefault("scope").ShouldBe(scope);
    }

    [Theory]
    [InlineData("linux/amd64", "linux", "amd64", null)]
    [InlineData("arm64", "linux", "arm64", null)]
    [InlineData("linux/arm64/v8", "linux", "arm64", null)]
    [InlineData("linux/arm", "linux", "arm", "v7")]
    [InlineData("Linux/x86_64", "linux", "amd64", null)]
    [InlineData("linux/amd64/v3", "linux", "amd64", "v3")]
    public void A_platform_is_brought_to_its_usual_form(string text, string os, string architecture, string? variant)
    {
        var platform = Platforms.Parse(text);
        (platform.Os, platform.Architecture, platform.Variant).ShouldBe((os, architecture, variant));
    }

    [Theory]
    [InlineData("linux/arm64/v8", "arm64", "v8")]
    [InlineData("linux/arm64/8", "arm64", "v8")]
    [InlineData("linux/arm64", "arm64", null)]
    [InlineData("linux/arm", "arm", null)]
    [InlineData("linux/arm/7", "arm", "v7")]
    [InlineData("armhf", "arm", null)]
    [InlineData("armel", "arm", "v6")]
    [InlineData("linux/amd64/v1", "amd64", null)]
    public void An_import_keeps_the_variant_that_was_named(string text, string architecture, string? variant)
    {
        var platform = PlatformSpecifier.Parse(text);
        (platform.Architecture, platform.Variant).ShouldBe((architecture, variant));
    }

    [Theory]
    [InlineData("linux/arm/v8", "linux/arm/v7", true)]
    [InlineData("linux/arm/v6", "linux/arm/v7", false)]
    [InlineData("linux/amd64/v3", "linux/amd64", true)]
    [InlineData("linux/arm64", "linux/amd64", false)]
    [InlineData("linux/arm64", "linux/arm64/v8", true)]
    public void An_image_fits_a_machine_of_its_architecture_that_can_do_no_less(string machine, string image, bool fits) => Platforms.Matches(Platforms.Parse(image), Platforms.Parse(machine)).ShouldBe(fits);

    [Fact]
    public void The_best_variant_is_chosen_and_attestations_never()
    {
        Descriptor Of(string platform, Dictionary<string, string>? annotations = null) => new() { Digest = Digest.OfBytes(System.Text.Encoding.UTF8.GetBytes(platform)), Platform = Platforms.Parse(platform), Annotations = annotations };
        var attestation = Of("linux/amd64/v2", new() { ["vnd.docker.reference.type"] = "attestation-manifest" });
        Descriptor[] all = [attestation, Of("linux/amd64"), Of("linux/arm/v6"), Of("linux/arm/v7")];
        Platforms.Choose(all, Platforms.Parse("linux/arm/v7"))!.Platform!.Variant.ShouldBe("v7");
        Platforms.Choose(all, Platforms.Parse("linux/amd64"))!.Annotations.ShouldBeNull();
        Platforms.Choose(all, Platforms.Parse("linux/s390x")).ShouldBeNull();
    }
}
