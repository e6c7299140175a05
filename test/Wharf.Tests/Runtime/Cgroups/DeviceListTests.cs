using Shouldly;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Runtime.Cgroups;

/// <summary>Device rules: the list they leave, and the filter made from it, run here instruction by instruction.</summary>
public sealed class DeviceListTests
{
    private static LinuxDeviceCgroup Rule(bool allow, string type, long? major, long? minor, string access) => new() { Allow = allow, Type = type, Major = major, Minor = minor, Access = access };

    private static readonly LinuxDeviceCgroup DenyAll = new() { Allow = false, Access = "rwm" }, AllowAll = new() { Allow = true, Access = "rwm" };

    /// <summary>Runs the program as the kernel would; access is 1 mknod, 2 read, 4 write.</summary>
    private static bool Run(IReadOnlyList<LinuxDeviceCgroup> rules, char type, uint major, uint minor, int access)
    {
        var code = DeviceFilterV2.Compile(rules);
        uint[] context = [(uint)(type == 'b' ? 1 : 2) | (uint)access << 16, major, minor];
        var registers = new ulong[11];
        for (int at = 0; at < code.Length; at++)
        {
            var (op, dst, src, offset, value) = ((byte)code[at], (int)(code[at] >> 8 & 15), (int)(code[at] >> 12 & 15), (short)(code[at] >> 16), (int)(code[at] >> 32));
            switch (op)
            {
                case 0x61: registers[dst] = context[offset / 4]; break;
                case 0xbc: registers[dst] = (uint)registers[src]; break;
                case 0x54: registers[dst] = (uint)registers[dst] & (uint)value; break;
                case 0x74: registers[dst] = (uint)registers[dst] >> value; break;
                case 0x55: if (registers[dst] != (ulong)value) at += offset; break;
                case 0x15: if (registers[dst] == (ulong)value) at += offset; break;
                case 0x5d: if (registers[dst] != registers[src]) at += offset; break;
                case 0xb7: registers[dst] = (ulong)value; break;
                case 0x95: return registers[0] != 0;
                default: throw new InvalidOperationException($"instruction {op:x}");
            }
        }
        throw new InvalidOperationException("the program has no end");
    }

    [Fact]
    public void What_is_not_allowed_is_denied()
    {
        LinuxDeviceCgroup[] rules = [DenyAll, Rule(true, "c", 1, 3, "rw"), Rule(true, "c", 136, null, "rwm"), Rule(true, "b", null, null, "m")];
        Run(rules, 'c', 1, 3, 6).ShouldBeTrue();
        Run(rules, 'c', 1, 3, 7).ShouldBeFalse();
        Run(rules, 'c', 1, 5, 2).ShouldBeFalse();
        Run(rules, 'b', 1, 3, 2).ShouldBeFalse();
        Run(rules, 'c', 136, 77, 6).ShouldBeTrue();
        Run(rules, 'b', 8, 0, 1).ShouldBeTrue();
        Run(rules, 'b', 8, 0, 3).ShouldBeFalse();
    }

    [Fact]
    public void Rights_of_the_same_device_add_up() => Run([DenyAll, Rule(true, "c", 1, 3, "r"), Rule(true, "c", 1, 3, "w")], 'c', 1, 3, 6).ShouldBeTrue();

    [Fact]
    public void A_right_can_be_taken_back() => Run([DenyAll, Rule(true, "c", 1, 3, "rwm"), Rule(false, "c", 1, 3, "w")], 'c', 1, 3, 6).ShouldBeFalse();

    [Fact]
    public void With_everything_allowed_a_denial_holds_for_any_of_its_rights()
    {
        LinuxDeviceCgroup[] rules = [AllowAll, Rule(false, "c", 1, 1, "w")];
        Run(rules, 'c', 1, 1, 2).ShouldBeTrue();
        Run(rules, 'c', 1, 1, 6).ShouldBeFalse();
        Run(rules, 'c', 1, 2, 6).ShouldBeTrue();
    }

    [Fact]
    public void Everything_for_all_forgets_what_was_before() => DeviceList.Of([DenyAll, Rule(true, "c", 1, 3, "rw"), AllowAll]).Exceptions.ShouldBeEmpty();
}
