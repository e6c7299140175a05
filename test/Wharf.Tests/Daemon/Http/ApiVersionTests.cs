using Shouldly;
using Wharf.Daemon.Http;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

public sealed class ApiVersionTests
{
    [Theory]
    [InlineData("/v1.51/info", "/info", "1.51")]
    [InlineData("/v1.24/images/a/json", "/images/a/json", "1.24")]
    [InlineData("/v1/info", "/info", "1.0")]
    [InlineData("/v1.24.1/info", "/info", "1.24")]
    public void A_version_prefix_is_taken_off(string path, string rest, string version)
    {
        ReadOnlySpan<char> span = path;
        ApiVersion.TryTakePrefix(ref span, out var found).ShouldBeTrue();
        span.ToString().ShouldBe(rest);
        found.ToString().ShouldBe(version);
    }

    [Theory]
    [InlineData("/info")]
    [InlineData("/volumes")]
    [InlineData("/v1.x/info")]
    [InlineData("/v1.51")]
    [InlineData("/v.5/info")]
    public void Anything_else_is_left_alone(string path)
    {
        ReadOnlySpan<char> span = path;
        ApiVersion.TryTakePrefix(ref span, out var found).ShouldBeFalse();
        span.ToString().ShouldBe(path);
        found.ShouldBe(ApiVersion.Newest);
    }

    [Fact]
    public void Minor_versions_compare_as_numbers() => (new ApiVersion(1, 9) < new ApiVersion(1, 24)).ShouldBeTrue();
}
