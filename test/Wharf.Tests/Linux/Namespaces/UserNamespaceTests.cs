using Shouldly;
using Wharf.Linux.Namespaces;
using Xunit;

namespace Wharf.Tests.Linux.Namespaces;

public sealed class UserNamespaceTests
{
    [Fact]
    public void A_map_has_a_range_a_line() =>
        UserNamespace.Parse(["         0       1000          1", "         1     100000      65536", ""]).ShouldBe([new IdRange(0, 1000, 1), new IdRange(1, 100000, 65536)]);

    [Fact]
    public void The_machines_own_namespace_has_all_numbers()
    {
        var own = UserNamespace.Parse(File.ReadAllLines("/proc/self/uid_map"));
        UserNamespace.IsInner.ShouldBe(own.Count != 1 || own[0] != new IdRange(0, 0, uint.MaxValue));
        UserNamespace.Has(own[0].Inside, own[0].Inside).ShouldBeTrue();
        if (!UserNamespace.IsInner) UserNamespace.Has(4_000_000_000, 4_000_000_000).ShouldBeTrue();
    }
}
