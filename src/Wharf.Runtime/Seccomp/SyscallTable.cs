using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Seccomp;

/// <summary>The system calls of one ABI as the kernel's seccomp sees it.</summary>
internal sealed class SyscallTable
{
    public const uint AUDIT_ARCH_X86_64 = 0xC000003E, AUDIT_ARCH_I386 = 0x40000003, AUDIT_ARCH_AARCH64 = 0xC00000B7, AUDIT_ARCH_ARM = 0x40000028;
    public const uint X32Bit = 0x40000000;

    private static readonly HashSet<string> Foreign = new(StringComparer.Ordinal)
    {
        "SCMP_ARCH_ARM", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
    };

    private readonly Dictionary<string, uint> _numbers = new(StringComparer.Ordinal);

    private SyscallTable(uint arch, string table, uint offset = 0)
    {
        Arch = arch;
        var words = table.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < words.Length; i += 2) _numbers[words[i]] = uint.Parse(words[i + 1], CultureInfo.InvariantCulture) + offset;
        Last = _numbers.Values.Max();
    }

    /// <summary>The AUDIT_ARCH value of seccomp_data.</summary>
    public uint Arch { get; }
    /// <summary>The highest number known here: what is above is newer than this table.</summary>
    public uint Last { get; }

    public bool TryGet(string name, out uint number) => _numbers.TryGetValue(name, out number);

    /// <summary>The tables for the architectures a profile names (SCMP_ARCH_…); none named means the machine's own.</summary>
    public static IReadOnlyList<SyscallTable> For(IReadOnlyList<string>? names)
    {
        bool arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        if (names is not { Count: > 0 }) names = [arm ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"];
        var tables = new List<SyscallTable>();
        foreach (var name in names)
        {
            var table = name switch
            {
                "SCMP_ARCH_X86_64" => arm ? null : new SyscallTable(AUDIT_ARCH_X86_64, SyscallsX86_64.Table),
                "SCMP_ARCH_X86" => arm ? null : new SyscallTable(AUDIT_ARCH_I386, SyscallsX86.Table),
                "SCMP_ARCH_X32" => arm ? null : new SyscallTable(AUDIT_ARCH_X86_64, SyscallsX32.Table, X32Bit),
                "SCMP_ARCH_AARCH64" => arm ? new SyscallTable(AUDIT_ARCH_AARCH64, SyscallsArm64.Table) : null,
                _ when Foreign.Contains(name) => null, // another machine's: nothing here runs it
                _ => throw WharfException.Invalid($"string {name} is not a valid arch for seccomp"),
            };
            if (table is not null) tables.Add(table);
        }
        return tables;
    }
}
