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

    [Theory]
    [InlineData("1.0-1", "1.0-2", -1)]
    [InlineData("1:0.9-1", "1.0-1", 1)]
    [InlineData("1.0~rc1-1", "1.0-1", -1)]
    [InlineData("1.0^git1-1", "1.0-1", 1)]
    [InlineData("1.0^git1-1", "1.0.1-1", -1)]
    [InlineData("1.10-1", "1.9-1", 1)]
    [InlineData("1.0a-1", "1.0.1-1", -1)]
    [InlineData("3.0.7-24.el9", "3.0.7-24.el9_3.1", -1)]
    [InlineData("1.0-1", "1.0", 0)]
    [InlineData("1_0", "1.0", 0)]
    [InlineData("1.05", "1.5", 0)]
    public void Rpm_orders_by_runs_of_digits_and_letters(string left, string right, int order) => Check(PackageKind.Rpm, left, right, order);

    [Theory]
    [InlineData("1.2.3", "1.2.10", -1)]
    [InlineData("1.0.0-alpha", "1.0.0", -1)]
    [InlineData("1.0.0-alpha.1", "1.0.0-alpha.beta", -1)]
    [InlineData("1.0.0-rc.2", "1.0.0-rc.11", -1)]
    [InlineData("v1.0.0+build", "1.0.0", 0)]
    [InlineData("1.0.0-alpha", "1.0.0-alpha.1", -1)]
    [InlineData("0.0.0-20220101000000-abcdef", "0.0.0-20230101000000-000000", -1)]
    public void Npm_Go_and_Cargo_order_as_semantic_versions_do(string left, string right, int order) => Check(PackageKind.Npm, left, right, order);

    [Theory]
    [InlineData("1.0.0.0", "1.0", 0)]
    [InlineData("1.0.0-BETA", "1.0.0-beta", 0)]
    [InlineData("4.3.0.1", "4.3", 1)]
    public void NuGet_has_four_numbers_and_no_case(string left, string right, int order) => Check(PackageKind.NuGet, left, right, order);

    [Theory]
    [InlineData("1.0", "1.0.0", 0)]
    [InlineData("1.0.dev1", "1.0a1", -1)]
    [InlineData("1.0a1", "1.0b1", -1)]
    [InlineData("1.0rc1", "1.0", -1)]
    [InlineData("1.0", "1.0.post1", -1)]
    [InlineData("1!0.1", "2.0", 1)]
    [InlineData("1.0rc1.dev2", "1.0rc1", -1)]
    [InlineData("1.0-1", "1.0.post1", 0)]
    [InlineData("2011k", "2012", -1)]
    public void Python_orders_by_PEP_440(string left, string right, int order) => Check(PackageKind.PyPI, left, right, order);

    [Theory]
    [InlineData("1.0.a", "1.0", -1)]
    [InlineData("1.0.0", "1", 0)]
    [InlineData("1.0.0.rc1", "1.0.0", -1)]
    [InlineData("1.10", "1.9", 1)]
    public void Gems_with_letters_come_before(string left, string right, int order) => Check(PackageKind.Gem, left, right, order);

    [Theory]
    [InlineData("1.0-alpha-1", "1.0", -1)]
    [InlineData("1.0-SNAPSHOT", "1.0", -1)]
    [InlineData("1.0-rc1", "1.0-SNAPSHOT", -1)]
    [InlineData("2.0.0.Final", "2.0.0", 0)]
    [InlineData("1.0-sp1", "1.0", 1)]
    [InlineData("2.9.10.4", "2.9.10", 1)]
    [InlineData("1.0-jre", "1.0", 1)]
    public void Maven_knows_its_qualifiers(string left, string right, int order) => Check(PackageKind.Maven, left, right, order);

    [Theory]
    [InlineData("v1.0.0", "1.0", 0)]
    [InlineData("1.0.0-beta2", "1.0.0-RC1", -1)]
    [InlineData("1.0.0-RC1", "1.0.0", -1)]
    [InlineData("1.0.0-p1", "1.0.0", 1)]
    public void Composer_knows_its_stabilities(string left, string right, int order) => Check(PackageKind.Composer, left, right, order);

    private static void Check(PackageKind kind, string left, string right, int order)
    {
        Math.Sign(PackageVersion.Compare(kind, left, right)).ShouldBe(order);
        Math.Sign(PackageVersion.Compare(kind, right, left)).ShouldBe(-order);
    }
}
