using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>
/// Device rules of cgroup v2: an eBPF program of type CGROUP_DEVICE that looks for an exception that fits, and else gives the default
/// (linux/bpf.h, struct bpf_cgroup_dev_ctx).
/// </summary>
internal static unsafe class DeviceFilterV2
{
    private const int BPF_PROG_LOAD = 5, BPF_PROG_ATTACH = 8, BPF_PROG_TYPE_CGROUP_DEVICE = 15, BPF_CGROUP_DEVICE = 6, BPF_F_ALLOW_MULTI = 2;
    private static readonly int Bpf = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;

    /// <summary>What every container may use, whatever its configuration says (OCI config-linux.md, default devices), pseudo-terminals included.</summary>
    public static readonly LinuxDeviceCgroup[] Always =
    [
        new() { Allow = true, Type = "c", Access = "m" }, new() { Allow = true, Type = "b", Access = "m" },
        Node(1, 3), Node(1, 5), Node(1, 7), Node(1, 8), Node(1, 9), Node(5, 0), Node(5, 1), Node(5, 2), Node(136, -1),
    ];

    private static LinuxDeviceCgroup Node(long major, long minor) => new() { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rwm" };

    public static void Attach(string directory, IReadOnlyList<LinuxDeviceCgroup> rules)
    {
        if (rules is [.., { Allow: true, Type: null or "a" }]) return;
        using var program = Load(Compile([.. rules, .. Always]));
        using var group = OpenAt.Open(directory, O.RDONLY | O.DIRECTORY);
        var attach = stackalloc uint[8];
        attach[0] = (uint)group.Value;
        attach[1] = (uint)program.Value;
        attach[2] = BPF_CGROUP_DEVICE;
        attach[3] = BPF_F_ALLOW_MULTI;
        SyscallException.Check(Libc.syscall(Bpf, BPF_PROG_ATTACH, (nint)attach, 32), "bpf BPF_PROG_ATTACH of linux.resources.devices", directory);
    }

    private static Fd Load(ulong[] program)
    {
        var license = "Apache\0"u8;
        fixed (ulong* code = program)
        fixed (byte* name = license)
        {
            var load = stackalloc ulong[16];
            load[0] = BPF_PROG_TYPE_CGROUP_DEVICE | (ulong)program.Length << 32;
            load[1] = (ulong)code;
            load[2] = (ulong)name;
            return new Fd((int)SyscallException.Check(Libc.syscall(Bpf, BPF_PROG_LOAD, (nint)load, 128), "bpf BPF_PROG_LOAD of linux.resources.devices"));
        }
    }

    /// <summary>One 64-bit word an instruction: opcode, registers, 16-bit offset, 32-bit immediate.</summary>
    public static ulong[] Compile(IReadOnlyList<LinuxDeviceCgroup> rules)
    {
        const byte LDX_W = 0x61, AND32 = 0x54, RSH32 = 0x74, JNE_K = 0x55, JEQ_K = 0x15, JNE_X = 0x5d, MOV32_X = 0xbc, MOV64_K = 0xb7, EXIT = 0x95;
        const int All = DeviceList.Mknod | DeviceList.Read | DeviceList.Write;
        var list = DeviceList.Of(rules);
        var code = new List<ulong>();
        void Emit(byte op, int dst, int src, int offset, int value) => code.Add(op | (ulong)(dst | src << 4) << 8 | (ulong)(ushort)offset << 16 | (ulong)(uint)value << 32);
        Emit(LDX_W, 2, 1, 0, 0);      // r2 = type (low half) and access (high half)
        Emit(MOV32_X, 3, 2, 0, 0);
        Emit(AND32, 2, 0, 0, 0xFFFF); // r2 = type: 1 block, 2 char
        Emit(RSH32, 3, 0, 0, 16);     // r3 = access: 1 mknod, 2 read, 4 write
        Emit(LDX_W, 4, 1, 4, 0);      // r4 = major
        Emit(LDX_W, 5, 1, 8, 0);      // r5 = minor
        foreach (var (type, major, minor, access) in list.Exceptions)
        {
            var tests = new List<(int Register, int Value)> { (2, type == 'b' ? 1 : 2) };
            if (major != -1) tests.Add((4, (int)major));
            if (minor != -1) tests.Add((5, (int)minor));
            int ofAccess = access == All ? 0 : 3;
            int left = tests.Count + ofAccess + 2;
            foreach (var (register, value) in tests) Emit(JNE_K, register, 0, --left, value);
            if (ofAccess > 0)
            {
                Emit(MOV32_X, 1, 3, 0, 0);
                Emit(AND32, 1, 0, 0, access);
                // An exception from denying covers what it names and no more; one from allowing holds once anything of it is asked for.
                if (list.AllowsByDefault) Emit(JEQ_K, 1, 0, 2, 0);
                else Emit(JNE_X, 1, 3, 2, 0);
            }
            Emit(MOV64_K, 0, 0, 0, list.AllowsByDefault ? 0 : 1);
            Emit(EXIT, 0, 0, 0, 0);
        }
        Emit(MOV64_K, 0, 0, 0, list.AllowsByDefault ? 1 : 0);
        Emit(EXIT, 0, 0, 0, 0);
        return [.. code];
    }
}
