using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class PlatformWarningTests
{
    private static readonly Platform Machine = new() { Os = "linux", Architecture = "amd64", Variant = "v3" };

    [Theory]
    [InlineData("linux", "amd64", null)]
    [InlineData("linux", "amd64", "v2")]
    [InlineData("linux", "386", null)]
    [InlineData(null, null, null)]
    [InlineData("linux", "", null)]
    public void What_runs_here_gets_none(string? os, string? architecture, string? variant) =>
        PlatformWarning.For(new OciImage { Os = os, Architecture = architecture, Variant = variant }, Machine).ShouldBeNull();

    [Theory]
    [InlineData("linux", "arm64", "v8", "linux/arm64/v8")]
    [InlineData("linux", "s390x", "", "linux/s390x")]
    [InlineData("linux", "amd64", "v4", "linux/amd64/v4")]
    [InlineData("freebsd", "amd64", null, "freebsd/amd64")]
    public void What_does_not_run_here_is_told_with_both_platforms(string os, string architecture, string? variant, string told) =>
        PlatformWarning.For(new OciImage { Os = os, Architecture = architecture, Variant = variant }, Machine)
            .ShouldBe($"The requested image's platform ({told}) does not match the detected host platform (linux/amd64/v3) and no specific platform was requested");

    [Theory]
    [InlineData("fpu sse2", "v1")]
    [InlineData("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2", "v2")]
    [InlineData("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe avx512f", "v3")]
    [InlineData("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe avx512f avx512bw avx512cd avx512dq avx512vl", "v4")]
    public void The_level_is_the_highest_all_of_whose_parts_are_there(string flags, string level) =>
        PlatformWarning.LevelOf(["processor\t: 0", $"flags\t\t: {flags}", "bugs\t\t:"]).ShouldBe(level);
}
