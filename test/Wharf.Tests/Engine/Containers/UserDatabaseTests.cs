using System.Text;
using CsCheck;
using Shouldly;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class UserDatabaseTests
{
    private const string Passwd = "root:x:0:0:root:/root:/bin/sh\n# comment\ndaemon:x:1:1::/sbin:/bin/false\n12:x:0:0::/:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n";
    private const string Group = "root:x:0:root\nwheel:x:10:root,web\nwww:x:34:\nshared:x:50:web, daemon\n";

    private static UserDatabase Read(string passwd = Passwd, string group = Group) => UserDatabase.Parse(Encoding.UTF8.GetBytes(passwd), Encoding.UTF8.GetBytes(group));

    [Fact]
    public void No_user_is_root_with_its_groups()
    {
        var user = Read().Resolve("");
        (user.Uid, user.Gid, user.Home).ShouldBe((0u, 0u, "/root"));
        user.Groups.ShouldBe([0u, 10u]);
    }

    [Fact]
    public void A_name_brings_its_groups_and_home()
    {
        var user = Read().Resolve("web");
        (user.Uid, user.Gid, user.Home).ShouldBe((33u, 34u, "/var/www"));
        user.Groups.ShouldBe([34u, 10u, 50u]);
    }

    [Fact]
    public void Numeric_means_numeric_even_when_a_user_has_that_name()
    {
        var user = Read().Resolve("12");
        (user.Uid, user.Gid).ShouldBe((12u, 0u));
        user.Groups.ShouldBe([0u]);
    }

    [Fact]
    public void A_group_of_its_own_replaces_the_users_groups()
    {
        var user = Read().Resolve("web:wheel");
        (user.Uid, user.Gid).ShouldBe((33u, 10u));
        user.Groups.ShouldBe([10u]);
        Read().Resolve("5:7").Groups.ShouldBe([7u]);
    }

    [Fact]
    public void Added_groups_come_by_name_and_number() => Read().Resolve("web", ["shared", "99", "www"]).Groups.ShouldBe([34u, 10u, 50u, 99u]);

    [Theory]
    [InlineData("nosuch", "unable to find user nosuch: no matching entries in passwd file")]
    [InlineData("1:nosuch", "unable to find group nosuch: no matching entries in group file")]
    [InlineData("4294967296", "uids and gids must be in range 0-2147483647")]
    [InlineData("2147483648", "uids and gids must be in range 0-2147483647")]
    [InlineData("-1", "uids and gids must be in range 0-2147483647")]
    [InlineData("+0", "uids and gids must be in range 0-2147483647")]
    [InlineData("1:4294967296", "uids and gids must be in range 0-2147483647")]
    public void Who_is_not_there_is_refused(string user, string message) => Should.Throw<WharfException>(() => Read().Resolve(user)).Message.ShouldBe(message);

    [Theory]
    [InlineData("evil:x:::::\n")]
    [InlineData("evil:x:0\n")]
    [InlineData("evil:x:99999999999:0::/:/bin/sh\n")]
    [InlineData("evil:x:-0:0::/:/bin/sh\n")]
    [InlineData("evil:x:0x0:0::/:/bin/sh\n")]
    [InlineData("evil\0:x:0:0::/:/bin/sh\n")]
    [InlineData(":x:0:0::/:/bin/sh\n")]
    public void A_line_that_is_not_whole_is_not_there(string line) => Should.Throw<WharfException>(() => Read(line).Resolve("evil"));

    [Fact]
    public void A_giant_line_is_skipped() => Read(new string('a', 1 << 20) + ":x:0:0::/:/bin/sh\n" + Passwd).Resolve("web").Uid.ShouldBe(33u);

    [Fact]
    public void A_home_with_control_characters_is_not_taken() => Read("web:x:33:34::/a\tB=1:/bin/sh\n").Resolve("web").Home.ShouldBe("/");

    [Fact]
    public void No_bytes_whatever_make_it_fail() => Gen.Byte.Array[0, 400].Sample(bytes =>
    {
        var database = UserDatabase.Parse(bytes, bytes);
        database.Resolve("0").Uid.ShouldBe(0u);
    });
}
