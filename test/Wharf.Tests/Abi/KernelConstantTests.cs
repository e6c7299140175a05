using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Shouldly;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Runtime.Seccomp;
using Xunit;

namespace Wharf.Tests.Abi;

/// <summary>
/// Every constant with a kernel name in Wharf.Linux and Wharf.Runtime, and every system call number, is put into a C file that asserts it
/// against this machine's headers. Needs gcc and the kernel's and the C library's headers.
/// </summary>
public sealed partial class KernelConstantTests
{
    private const string Headers = """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <malloc.h>
        #include <poll.h>
        #include <sched.h>
        #include <spawn.h>
        #include <signal.h>
        #include <stddef.h>
        #include <stdint.h>
        #include <sys/epoll.h>
        #include <sys/eventfd.h>
        #include <sys/signalfd.h>
        #include <sys/file.h>
        #include <sys/inotify.h>
        #include <sys/mman.h>
        #include <sys/ioctl.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/statvfs.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <net/if.h>
        #include <linux/audit.h>
        #include <linux/bpf.h>
        #include <linux/btrfs.h>
        #include <linux/btrfs_tree.h>
        #include <linux/capability.h>
        #include <linux/fiemap.h>
        #include <linux/filter.h>
        #include <linux/fs.h>
        #include <linux/if_link.h>
        #include <linux/ioprio.h>
        #include <linux/magic.h>
        #include <linux/mount.h>
        #include <linux/netfilter/nfnetlink.h>
        #include <linux/netfilter/nf_tables.h>
        #include <linux/netfilter/nfnetlink_conntrack.h>
        #include <linux/netlink.h>
        #include <linux/openat2.h>
        #include <linux/quota.h>
        #include <linux/rtnetlink.h>
        #include <linux/sched.h>
        #include <linux/seccomp.h>
        #include <linux/sockios.h>
        #include <linux/veth.h>

        """;

    /// <summary>Names of our own for what C composes or calls otherwise; an empty expression: left out, for the reason beside it.</summary>
    private static readonly Dictionary<string, string> Otherwise = new()
    {
        ["LD_W_ABS"] = "BPF_LD|BPF_W|BPF_ABS", ["JMP_JA"] = "BPF_JMP|BPF_JA", ["JMP_JEQ"] = "BPF_JMP|BPF_JEQ|BPF_K", ["JMP_JGT"] = "BPF_JMP|BPF_JGT|BPF_K",
        ["JMP_JGE"] = "BPF_JMP|BPF_JGE|BPF_K", ["JMP_JSET"] = "BPF_JMP|BPF_JSET|BPF_K", ["ALU_AND"] = "BPF_ALU|BPF_AND|BPF_K", ["RET_K"] = "BPF_RET|BPF_K",
        ["STATX_BASIC_STATS_AND_MNT_ID"] = "STATX_BASIC_STATS|STATX_MNT_ID",
        // linux/mount.h and sys/mount.h cannot both be included by older C libraries; the old one's names are in the new one too but for these.
        ["MNT_DETACH"] = "", ["UMOUNT_NOFOLLOW"] = "", ["SIGMAX"] = "_NSIG - 1",
        // OpenZFS is not of the kernel: its own sys/fs/zfs.h, libzfs_core.h and sys/nvpair.h have them.
        ["ZFS_SUPER_MAGIC"] = "", ["ZFS_XATTR_SA"] = "", ["ZFS_ACLTYPE_POSIX"] = "", ["LZC_DATSET_TYPE_ZFS"] = "", ["NV_UNIQUE_NAME"] = "",
    };

    [GeneratedRegex("^_?[A-Z][A-Z0-9]*(_[A-Za-z0-9]+)+$|^(SIG[A-Z]+|E[A-Z0-9]{2,})$")] private static partial Regex KernelName();
    [GeneratedRegex(@"abi\.c:(\d+):\d+: error: (.*)")] private static partial Regex CompilerError();

    private static IEnumerable<(string Name, string Value)> Constants()
    {
        var seen = new HashSet<string>();
        foreach (var type in typeof(Libc).Assembly.GetTypes().Concat(typeof(Launcher).Assembly.GetTypes()))
            foreach (var field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            {
                if (!field.IsLiteral || field.FieldType.IsEnum || field.GetRawConstantValue() is not IConvertible value || value is string) continue;
                // open(2)'s flags carry their prefix in the class's name.
                var name = type.Name == "O" && type.Namespace == "Wharf.Linux.Fds" ? "O_" + field.Name : field.Name;
                if (KernelName().IsMatch(name) && seen.Add(name + value)) yield return (name, value.ToString(CultureInfo.InvariantCulture));
            }
    }

    private static IEnumerable<(string Name, int Number)> SystemCalls()
    {
        foreach (var type in (Type[])[typeof(SyscallNumber), typeof(Launcher).Assembly.GetType("Wharf.Runtime.Init.LaunchSyscalls", throwOnError: true)!])
        {
            foreach (var field in type.GetFields(BindingFlags.Static | BindingFlags.Public).Where(field => field.IsLiteral)) yield return (field.Name, (int)field.GetRawConstantValue()!);
            foreach (var property in type.GetProperties(BindingFlags.Static | BindingFlags.Public)) yield return (property.Name, (int)property.GetValue(null)!);
        }
    }

    [Fact]
    public void Constants_and_system_calls_are_the_kernels()
    {
        var lines = new List<string>();
        foreach (var (name, value) in Constants())
            if (Otherwise.GetValueOrDefault(name, name) is { Length: > 0 } theirs) lines.Add($"_Static_assert((unsigned long long)({theirs}) == (unsigned long long){Literal(value)} || (unsigned)({theirs}) == (unsigned){Literal(value)}, \"{name}\");");
        foreach (var (name, number) in SystemCalls()) lines.Add($"_Static_assert(SYS_{name} == {number}, \"SYS_{name}\");");
        lines.Count.ShouldBeGreaterThan(200);
        Compile(lines).ShouldBeEmpty();
    }

    [Fact]
    public void The_seccomp_compilers_system_calls_are_the_kernels()
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "the table of x86-64 is looked up in x86-64's own headers");
        var words = SyscallsX86_64.Table.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var lines = new List<string>();
        // Headers older than the table lack its newest names.
        for (int i = 0; i < words.Length; i += 2) lines.AddRange([$"#ifdef SYS_{words[i]}", $"_Static_assert(SYS_{words[i]} == {words[i + 1]}, \"{words[i]}\");", "#endif"]);
        lines.Count.ShouldBeGreaterThan(900);
        Compile(lines).ShouldBeEmpty();
    }

    private static string Literal(string value) => value.StartsWith('-') ? $"({value}LL)" : $"{value}ULL";

    /// <summary>What is wrong: failed asserts and names no header knows, one a line.</summary>
    internal static List<string> Compile(IReadOnlyList<string> asserts)
    {
        var directory = Directory.CreateTempSubdirectory("wharf-abi-");
        try
        {
            var text = new StringBuilder(Headers);
            int first = Headers.Split('\n').Length;
            foreach (var line in asserts) text.Append(line).Append('\n');
            File.WriteAllText(Path.Combine(directory.FullName, "abi.c"), text.ToString());
            using var gcc = Process.Start(new ProcessStartInfo("gcc", ["-std=gnu11", "-fsyntax-only", "-fmax-errors=0", "abi.c"]) { WorkingDirectory = directory.FullName, RedirectStandardError = true })!;
            var output = gcc.StandardError.ReadToEnd();
            gcc.WaitForExit();
            var wrong = CompilerError().Matches(output).Where(match => !match.Groups[2].Value.StartsWith("expression in static", StringComparison.Ordinal)).Select(match => $"{match.Groups[2].Value} [{Line(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))}]").ToList();
            string Line(int number) => number >= first && number - first < asserts.Count ? asserts[number - first] : $"line {number}";
            if (gcc.ExitCode != 0 && wrong.Count == 0) wrong.Add(output);
            return wrong;
        }
        finally { directory.Delete(recursive: true); }
    }
}
