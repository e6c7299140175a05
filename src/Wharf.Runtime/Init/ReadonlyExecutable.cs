using System.Runtime.InteropServices;
using Wharf.Linux;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>
/// Executes this program anew from a read-only copy of the mount it lies on. What joins a container before its execve, and what an image
/// makes the interpreter of a script (<c>#!/proc/self/exe</c>), can be opened by the container as /proc/PID/exe; there it must be a file
/// that nobody can write to (CVE-2019-5736). Where mounts are not ours to copy, a sealed copy in memory serves.
/// </summary>
internal static unsafe partial class ReadonlyExecutable
{
    public const int F_GET_SEALS = 1034;
    private const int F_ADD_SEALS = 1033, F_SEAL_WRITE = 8, AllSeals = 1 | 2 | 4 | F_SEAL_WRITE, MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, FlagsOffset = 80, PR_SET_NAME = 15;
    private const ulong ST_RDONLY = 1;

    [LibraryImport("libc", SetLastError = true)] private static partial nint sendfile(int to, int from, nint* offset, nuint count);

    /// <summary>Returns when the program runs from such a file; else executes it from one and does not return.</summary>
    public static void Ensure()
    {
        if (System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeCompiled || !Defences.Up) return; // a developer's build: the file is .NET's host
        using var self = OpenAt.Open("/proc/self/exe", O.RDONLY);
        if (IsReadOnly(self))
        {
            fixed (byte* name = "wharf-runtime\0"u8) _ = Libc.prctl(PR_SET_NAME, (nuint)name, 0, 0, 0); // the kernel made one of the descriptor's number
            return;
        }
        using var file = TryCopyMount(self) ?? CopyToMemory(self);
        Execute(file, null);
    }

    /// <summary>Executes this program anew with the same arguments and one more variable in its environment. Does not return.</summary>
    public static void ExecuteAgain(string variable)
    {
        using var self = OpenAt.Open("/proc/self/exe", O.RDONLY);
        Execute(self, variable);
    }

    private static void Execute(Fd file, string? variable)
    {
        var arguments = Vector("/proc/self/cmdline", null);
        var environment = Vector("/proc/self/environ", variable);
        byte empty = 0;
        SyscallException.Check(Libc.syscall(SyscallNumber.execveat, file.Value, (nint)(&empty), (nint)arguments, (nint)environment, OpenAt.AT_EMPTY_PATH), "execveat");
    }

    /// <summary>True for a word of the command line that may be a command which puts processes into containers.</summary>
    public static bool IsMeant(byte* word) => Is(word, "run\0"u8) || Is(word, "exec\0"u8) || Is(word, "create\0"u8) || Is(word, "shim\0"u8) || Is(word, "restore\0"u8);

    /// <summary>True for commands that may wait for a container's process.</summary>
    public static bool IsForeground(byte* word) => Is(word, "run\0"u8) || Is(word, "exec\0"u8);

    private static bool Is(byte* word, ReadOnlySpan<byte> command)
    {
        for (int i = 0; i < command.Length; i++) if (word[i] != command[i]) return false;
        return true;
    }

    /// <summary>Whether a file lies on a mount that is read-only, by the answer of fstatfs(2).</summary>
    public static bool IsReadOnly(byte* statfs) => (*(ulong*)(statfs + FlagsOffset) & ST_RDONLY) != 0;

    private static bool IsReadOnly(Fd file)
    {
        var statfs = stackalloc byte[120];
        SyscallException.Check(Libc.fstatfs(file.Value, statfs), "fstatfs");
        if (IsReadOnly(statfs)) return true;
        int seals = Libc.fcntl(file.Value, F_GET_SEALS, 0); // EINVAL: no memory file
        return seals > 0 && (seals & F_SEAL_WRITE) != 0;
    }

    private static Fd? TryCopyMount(Fd self)
    {
        try
        {
            var copy = MountTree.Clone(self);
            MountTree.SetAttributes(copy, MountFlags.MOUNT_ATTR_RDONLY, 0);
            return copy;
        }
        catch (SyscallException error) when (error.Errno is Errno.EPERM or Errno.EINVAL or Errno.ENOSYS) { return null; }
    }

    private static Fd CopyToMemory(Fd self)
    {
        Fd memory;
        fixed (byte* name = "wharf-runtime\0"u8) memory = new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.memfd_create, (nint)name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create"));
        nint offset = 0, count;
        while ((count = SyscallException.Check(sendfile(memory.Value, self.Value, &offset, 1 << 30), "sendfile")) > 0) { }
        SyscallException.Check(Libc.fchmod(memory.Value, 0b101_101_101), "fchmod");
        SyscallException.Check(Libc.fcntl(memory.Value, F_ADD_SEALS, AllSeals), "fcntl F_ADD_SEALS");
        return memory;
    }

    // Never freed: the execve takes all memory along.
    private static byte** Vector(string path, string? more)
    {
        byte[] bytes = [.. File.ReadAllBytes(path), .. more is null ? [] : System.Text.Encoding.UTF8.GetBytes(more + "\0")];
        var memory = (byte*)NativeMemory.Alloc((nuint)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(memory, bytes.Length));
        memory[bytes.Length] = 0;
        int count = bytes.Count(b => b == 0);
        var vector = (byte**)NativeMemory.AllocZeroed((nuint)(count + 1), (nuint)sizeof(nint));
        for (int i = 0, at = 0; i < count; i++)
        {
            vector[i] = memory + at;
            while (memory[at] != 0) at++;
            at++;
        }
        return vector;
    }
}
