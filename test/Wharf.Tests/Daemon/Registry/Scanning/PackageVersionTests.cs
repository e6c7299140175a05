using Shouldly;
using Wharf.Daemon.Registry.Scanning;
using Xunit;

namespace Wharf.Tests.Daemon.Registry.Scanning;

public sealed class PackageVersionTests
{
    [Theory]
    [InlineData("1.0-1", "1.0-2", -1)]
    [InlineData("1.0", "1.0-0", 0)]
    [InlineData("1:0.9", "1.0", 1)]
    [InlineData("1.0~rc1-1", "1.0-1", -1)]
    [InlineData("1.0~~", "1.0~", -1)]
    [InlineData("1.10", "1.9", 1)]
    [InlineData("1.0a", "1.0+b", -1)]
    [InlineData("2.36-9+deb12u4", "2.36-9+deb12u10", -1)]
    [InlineData("1.1.1n-0+deb11u5", "3.0.11-1~deb12u2", -1)]
    [InlineData("009", "9", 0)]
    [InlineData("1.0-1", "1.0-1+b1", -1)]
    [InlineData("99999999999999999999999", "99999999999999999999998", 1)]
    public void Debian_orders_by_epoch_upstream_version_and_revision(string left, string right, int order) => Check(PackageKind.Deb, left, right, order);

    [Theory]
    [InlineData("1.2.3-r0", "1.2.3-r1", -1)]
    [InlineData("1.2.10-r0", "1.2.9-r5", 1)]
    [InlineData("1.2_rc1-r0", "1.2-r0", -1)]
    [InlineData("1.2_alpha2", "1.2_beta1", -1)]
    [InlineData("1.2_p1-r0", "1.2-r9", 1)]
    [InlineData("1.1.1w-r0", "1.1.1t-r3", 1)]
    [InlineData("1.2", "1.2.0", -1)]
    [InlineData("3.1.4-r5", "3.1.4-r5", 0)]
    [InlineData("2.12.7-r0", "2.12.7-r10", -1)]
    public void Alpine_orders_by_numbers_letter_suffixes_and_revision(string left, string right, int order) => Check(PackageKind.Apk, left, right, order);

    private static void Check(PackageKind kind, string left, string right, int order)
    {
        Math.Sign(PackageVersion.Compare(kind, left, right)).ShouldBe(order);
        Math.Sign(PackageVersion.Compare(kind, right, left)).ShouldBe(-order);
    }
}
