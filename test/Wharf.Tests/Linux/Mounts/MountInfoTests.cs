using Shouldly;
using Wharf.Linux.Mounts;
using Xunit;

namespace Wharf.Tests.Linux.Mounts;

public class MountInfoTests
{
    [Fact]
    public void A_line_is_read_with_its_optional_fields_and_escapes()
    {
        var mount = MountInfo.Parse(["31 1 0:7 / /a\\040b\\134c rw shared:9 master:2 - overlay wharf-0a:x\\011y rw"]).ShouldHaveSingleItem();
        mount.Place.ShouldBe("/a b\\c");
        mount.Optional.ShouldBe(["shared:9", "master:2"]);
        mount.Source.ShouldBe("wharf-0a:x\ty");
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 0 8:1 / / rw shared:1 ext4 /dev/sda1 rw")]
    [InlineData("1 0 8:1 / / rw - ext4")]
    public void What_is_no_such_line_is_passed_over(string line) => MountInfo.Parse([line]).ShouldBeEmpty();
}
