using Shouldly;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Runtime.Init;

public sealed class SysctlsTests
{
    private static LinuxSpec With(string name, params string[] namespaces) => new() { Sysctl = new() { [name] = "1" }, Namespaces = [.. namespaces.Select(type => new LinuxNamespace { Type = type })] };

    [Theory]
    [InlineData("net.ipv4.ip_forward", "network")]
    [InlineData("net/ipv4/conf/eth0.1/forwarding", "network")]
    [InlineData("kernel.shmmax", "ipc")]
    [InlineData("fs.mqueue.msg_max", "ipc")]
    [InlineData("kernel.domainname", "uts")]
    public void What_a_namespace_holds_may_be_set_in_a_new_one_alone(string name, string type)
    {
        Sysctls.Check(With(name, type));
        Should.Throw<WharfException>(() => Sysctls.Check(With(name))).Message.ShouldContain("is not in a separate kernel namespace");
    }

    [Theory]
    [InlineData("kernel.core_pattern")]
    [InlineData("vm.swappiness")]
    [InlineData("kernel.hostname")]
    [InlineData("kernel.shmmax+kernel.core_pattern")]
    [InlineData("net/../kernel/core_pattern")]
    [InlineData("/kernel/shmmax")]
    public void What_is_the_hosts_may_not(string name) => Should.Throw<WharfException>(() => Sysctls.Check(With(name, "network", "ipc", "uts"))).Message.ShouldContain(name);
}
