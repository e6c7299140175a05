using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Wharf.Linux;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.Launching;

namespace Wharf.Runtime.Init
{
    /// <summary>
    /// What the C library calls in place of main (the linker's --wrap=main), before there is a .NET runtime: where the program has to be executed anew
    /// from a read-only file (see <see cref="ReadonlyExecutable"/>), it is before anything was paid for. Nothing here may allocate, throw or
    /// use a static field. What it cannot do it leaves to <see cref="ReadonlyExecutable.Ensure"/>.
    /// </summary>
    internal static unsafe class EarlyMain
    {
        private static int Execveat => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 281 : 322; // a constant to the compiler

        [RuntimeImport("*", "__real_main")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int RealMain(int count, byte** arguments, byte** environment);

        [RuntimeImport("*", "pthread_sigmask")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int SignalMask(int how, byte* set, byte* former);

        [RuntimeImport("*", "open")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int Open(byte* path, int flags);

        [RuntimeImport("*", "fstatfs")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int StatFs(int file, byte* result);

        [RuntimeImport("*", "fcntl")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int Fcntl(int file, int command, nint argument);

        [RuntimeImport("*", "close")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int Close(int file);

        [RuntimeImport("*", "syscall")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern nint Syscall(nint number, nint a0, nint a1, nint a2, nint a3, nint a4);

        [RuntimeImport("*", "setns")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int SetNamespace(int file, int type);

        [RuntimeImport("*", "unshare")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern int Unshare(int flags);

        [RuntimeExport("__wrap_main")]
        private static int Start(int count, byte** arguments, byte** environment)
        {
            EnterUserNamespace(environment);
            for (int i = 1; i < count; i++)
            {
                if (!ReadonlyExecutable.IsMeant(arguments[i])) continue;
                if (ReadonlyExecutable.IsForeground(arguments[i])) BlockSignals();
                if (Defences.Up) Reexecute(arguments, environment);
                break;
            }
            return RealMain(count, arguments, environment);
        }

        // See Rootless and EnterCommand. What fails is found out by them. Mounts can only be copied in a mount namespace that is the user namespace's own.
        private static void EnterUserNamespace(byte** environment)
        {
            for (; *environment is not null; environment++)
            {
                if (NumberBehind(*environment, "WHARF_RUNTIME_USERNS=\0"u8) is >= 0 and var user)
                {
                    if (SetNamespace(user, Launcher.CLONE_NEWUSER) == 0) _ = Unshare(Launcher.CLONE_NEWNS);
                    _ = Close(user);
                }
                else if (NumberBehind(*environment, "WHARF_RUNTIME_HOLDER=\0"u8) is >= 0 and var holder)
                {
                    _ = SetNamespace(holder, Launcher.CLONE_NEWUSER | Launcher.CLONE_NEWNS | Launcher.CLONE_NEWNET);
                    _ = Close(holder);
                }
            }
        }

        private static int NumberBehind(byte* entry, ReadOnlySpan<byte> variable)
        {
            fixed (byte* name = variable)
            {
                int i = 0, number = 0;
                for (; name[i] != 0; i++) if (entry[i] != name[i]) return -1;
                for (; entry[i] is >= (byte)'0' and <= (byte)'9'; i++) number = number * 10 + entry[i] - '0';
                return entry[i] == 0 ? number : -1;
            }
        }

        private static void BlockSignals()
        {
            const int SIG_BLOCK = 0, Words = 16;
            var set = stackalloc ulong[Words];
            for (int i = 0; i < Words; i++) set[i] = 0;
            ForwardedSignals.Fill((byte*)set);
            _ = SignalMask(SIG_BLOCK, (byte*)set, null);
        }

        private static void Reexecute(byte** arguments, byte** environment)
        {
            const int CloseOnExec = 0x80000, StatfsSize = 120;
            byte empty = 0;
            int file;
            fixed (byte* path = "/proc/self/exe\0"u8) file = Open(path, CloseOnExec);
            if (file < 0) return;
            var statfs = stackalloc byte[StatfsSize];
            if (StatFs(file, statfs) == 0 && !ReadonlyExecutable.IsReadOnly(statfs) && Fcntl(file, ReadonlyExecutable.F_GET_SEALS, 0) <= 0)
            {
                int mount = (int)Syscall(SyscallNumber.open_tree, file, (nint)(&empty), (nint)(MountFlags.OPEN_TREE_CLONE | MountFlags.OPEN_TREE_CLOEXEC | MountFlags.AT_EMPTY_PATH), 0, 0);
                var attributes = new MountTree.Attributes { Set = MountFlags.MOUNT_ATTR_RDONLY };
                if (mount >= 0 && Syscall(SyscallNumber.mount_setattr, mount, (nint)(&empty), (nint)MountFlags.AT_EMPTY_PATH, (nint)(&attributes), sizeof(MountTree.Attributes)) == 0)
                    _ = Syscall(Execveat, mount, (nint)(&empty), (nint)arguments, (nint)environment, OpenAt.AT_EMPTY_PATH);
                if (mount >= 0) _ = Close(mount);
            }
            _ = Close(file);
        }
    }
}

namespace System.Runtime
{
    /// <summary>The compiler knows it by its name: the method becomes a symbol and is called without the .NET runtime's knowledge.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class RuntimeExportAttribute(string entryPoint) : Attribute
    {
        public string EntryPoint { get; } = entryPoint;
    }

    /// <summary>The other way: a symbol is called as if it were a managed method.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class RuntimeImportAttribute(string library, string entryPoint) : Attribute
    {
        public string Library { get; } = library;
        public string EntryPoint { get; } = entryPoint;
    }
}
