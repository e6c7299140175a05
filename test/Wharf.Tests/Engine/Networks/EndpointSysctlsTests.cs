using Shouldly;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Networks;

public class EndpointSysctlsTests
{
    [Fact]
    public void Settings_become_paths_of_the_interface() =>
        EndpointSysctls.Parse("net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.mcast_solicit=2", "eth1").ShouldBe([("ipv4/conf/eth1/log_martians", "1"), ("ipv6/neigh/eth1/mcast_solicit", "2")]);

    [Theory]
    [InlineData("net.ipv4.ip_forward=1")]
    [InlineData("net.ipv4.conf.eth0.log_martians=1")]
    [InlineData("net.ipv4.conf.IFNAME.log_martians")]
    [InlineData("kernel.conf.x.IFNAME.y=1")]
    [InlineData("net.ipv4.conf.IFNAME.../../core/x=1")]
    public void Other_settings_cannot_be_reached_this_way(string text) => Should.Throw<WharfException>(() => EndpointSysctls.Parse(text, "eth0").ToList());
}
