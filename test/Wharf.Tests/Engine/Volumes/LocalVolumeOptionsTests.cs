using System.Net;
using Shouldly;
using Wharf.Engine.Volumes;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Volumes;

public class LocalVolumeOptionsTests
{
    // Messages as dockerd 28.5 gives them.
    [Theory]
    [InlineData("create v: invalid option: \"foo\"", "foo", "bar")]
    [InlineData("create v: missing required option: \"device\"", "type", "tmpfs")]
    [InlineData("create v: missing required option: \"type\"", "device", "tmpfs")]
    [InlineData("create v: invalid size: 'big'", "size", "big")]
    [InlineData("create v: quota size requested but no quota support", "size", "10m")]
    public void What_cannot_be_mounted_is_refused(string message, string key, string value) =>
        Should.Throw<WharfException>(() => LocalVolumeOptions.Check("v", new() { [key] = value }, () => false)).Message.ShouldBe(message);

    [Fact]
    public void A_size_is_taken_where_it_can_be_kept_to()
    {
        LocalVolumeOptions.Check("v", new() { ["size"] = "10m" }, () => true);
        LocalVolumeOptions.Check("v", new() { ["size"] = "0" }, () => false);
        LocalVolumeOptions.SizeOf(new() { ["size"] = "10m" }).ShouldBe(10 << 20);
        LocalVolumeOptions.SizeOf(null).ShouldBe(0);
    }

    [Fact]
    public void A_device_that_is_named_needs_a_mount()
    {
        LocalVolumeOptions.NeedMount(null).ShouldBeFalse();
        LocalVolumeOptions.NeedMount(new() { ["type"] = "", ["device"] = "", ["o"] = "" }).ShouldBeFalse();
        LocalVolumeOptions.NeedMount(new() { ["type"] = "none", ["device"] = "/x", ["o"] = "bind" }).ShouldBeTrue();
    }

    // What dockerd 28.5 hands to mount(2) for the same options, as its error messages show it on a kernel without nfs and cifs.
    [Theory]
    [InlineData("nfs", ":/exp", "addr=server,rw,nfsvers=4,soft", ":/exp", "addr=192.0.2.7,nfsvers=4,soft", 0ul)]
    [InlineData("nfs", ":/exp", "addr=198.51.100.9,ro,nolock", ":/exp", "addr=198.51.100.9,nolock", 1ul)]
    [InlineData("nfs", "server:/exp", "soft", "server:/exp", "soft", 0ul)]
    [InlineData("cifs", "//server/share/deep", "username=a,password=b,vers=3.0", "//192.0.2.7/share/deep", "username=a,password=b,vers=3.0", 0ul)]
    [InlineData("cifs", "//server/share", "addr=server,username=a", "//server/share", "addr=192.0.2.7,username=a", 0ul)]
    [InlineData("cifs", "//198.51.100.9/share", "username=a", "//198.51.100.9/share", "username=a", 0ul)]
    [InlineData("tmpfs", "server", "addr=server,size=1m,noexec", "server", "addr=server,size=1m", 8ul)]
    public void Names_of_file_servers_become_addresses(string type, string device, string o, string source, string data, ulong set)
    {
        var mount = LocalVolumeOptions.Parse(new() { ["type"] = type, ["device"] = device, ["o"] = o }, name =>
        {
            name.ShouldBe("server");
            return [IPAddress.Parse("2001:db8::7"), IPAddress.Parse("192.0.2.7")];
        });
        (mount.Type, mount.Device, string.Join(',', mount.Data), mount.Set, mount.Bind).ShouldBe((type, source, data, set, false));
    }

    [Theory]
    [InlineData("4096", 4096)]
    [InlineData("10m", 10 << 20)]
    [InlineData("1.5GiB", 3L << 29)]
    [InlineData("2 kb", 2048)]
    public void Sizes_have_units(string text, long bytes)
    {
        Bytes.TryParse(text, out long read).ShouldBeTrue();
        read.ShouldBe(bytes);
    }
}

public class MountPropagationTests
{
    private static readonly string[] Table =
    [
        "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
        "2 1 0:5 / /data rw,relatime master:3 - tmpfs tmpfs rw",
        "3 1 0:6 / /data/private rw,relatime - tmpfs tmpfs rw",
        "4 1 0:7 / /with\\040space rw shared:9 master:2 - tmpfs tmpfs rw",
    ];

    [Theory]
    [InlineData("/etc/x", "/", true, false)]
    [InlineData("/data", "/data", false, true)]
    [InlineData("/data/private/deep", "/data/private", false, false)]
    [InlineData("/database", "/", true, false)]
    [InlineData("/with space/x", "/with space", true, true)]
    public void The_mount_a_path_lies_on_decides(string path, string place, bool shared, bool slave) => MountPropagation.MountOf(path, Table).ShouldBe((place, shared, slave));
}
