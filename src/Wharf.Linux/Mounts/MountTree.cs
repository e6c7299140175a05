using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Linux.Mounts;

/// <summary>
/// Mounts by descriptor: made detached, given their attributes, then moved onto a descriptor of the target. No path is looked up
/// twice, so none can be exchanged between check and use (SECURITY invariant 1). Needs Linux 5.12 (mount_setattr).
/// </summary>
public static unsafe class MountTree
{
    /// <summary>The layout of struct mount_attr (mount_setattr(2)).</summary>
    public struct Attributes { public ulong Set, Clear, Propagation, UserNamespaceFd; }

    /// <summary>A detached copy of what is mounted at <paramref name="path"/> (a trusted host path), with all below it when recursive.</summary>
    public static Fd Clone(string path, bool recursive) => Clone(OpenAt.AT_FDCWD, path, recursive);

    /// <summary>A detached copy of the mount that an open file lies on, rooted at that file.</summary>
    public static Fd Clone(Fd file, bool recursive = false) => Clone(file.Value, "", recursive);

    private static Fd Clone(int directory, string path, bool recursive)
    {
        uint flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) | (path.Length == 0 ? AT_EMPTY_PATH : 0);
        fixed (byte* name = Utf8(path))
            return new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.open_tree, directory, (nint)name, (nint)flags), "open_tree", path));
    }

    private const int MostTries = 500;
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(2);

    /// <summary>Changes attributes of a mount; a null <paramref name="propagation"/> leaves that as it is.</summary>
    public static void SetAttributes(Fd mount, ulong set, ulong clear, ulong? propagation = null, bool recursive = false)
    {
        if (set == 0 && clear == 0 && propagation is null) return;
        var attributes = new Attributes { Set = set, Clear = clear, Propagation = propagation ?? 0 };
        byte empty = 0;
        // A process that is just being cloned for another container holds copies of all descriptors until it lets go of them; one
        // of a file that was written in this mount keeps it from becoming read-only (EBUSY) for that moment.
        for (int tries = 0; ; tries++)
        {
            nint result = Libc.syscall(SyscallNumber.mount_setattr, mount.Value, (nint)(&empty), (nint)(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)), (nint)(&attributes), sizeof(Attributes));
            if (result < 0 && Marshal.GetLastPInvokeError() == Errno.EBUSY && tries < MostTries)
            {
                Thread.Sleep(BusyPause);
                continue;
            }
            SyscallException.Check(result, "mount_setattr");
            return;
        }
    }

    /// <summary>Shows a mount's owners through the maps of a user namespace (Linux 5.12; the file system must support it).</summary>
    public static void MapOwners(Fd mount, Fd userNamespace, bool recursive)
    {
        var attributes = new Attributes { Set = MOUNT_ATTR_IDMAP, UserNamespaceFd = (ulong)userNamespace.Value };
        byte empty = 0;
        SyscallException.Check(Libc.syscall(SyscallNumber.mount_setattr, mount.Value, (nint)(&empty), (nint)(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)),
            (nint)(&attributes), sizeof(Attributes)), "mount_setattr idmap");
    }

    /// <summary>Attaches a detached mount onto the file or directory that <paramref name="target"/> has open.</summary>
    public static void Attach(Fd mount, Fd target, string name)
    {
        byte empty = 0;
        SyscallException.Check(Libc.syscall(SyscallNumber.move_mount, mount.Value, (nint)(&empty), target.Value, (nint)(&empty),
            (nint)(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)), "move_mount", name);
    }

    /// <summary>
    /// A new, detached file system. Options are given one by one: <c>size=64k</c> or a bare word. The error carries what the
    /// kernel said about the option, where it said anything.
    /// </summary>
    public static Fd Create(string type, string? source, IEnumerable<string> options, ulong attributes)
    {
        using var context = OpenContext(type);
        if (source is { Length: > 0 }) Set(context, "source", source);
        foreach (var option in options)
        {
            int at = option.IndexOf('=');
            if (at < 0) Set(context, option, null);
            else Set(context, option[..at], option[(at + 1)..]);
        }
        return Finish(context, type, attributes);
    }

    public static Fd OpenContext(string type)
    {
        fixed (byte* name = Utf8(type))
            return new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.fsopen, (nint)name, (nint)FSOPEN_CLOEXEC), "fsopen", type));
    }

    /// <summary>Sets an option; a null value sets a flag.</summary>
    public static void Set(Fd context, string key, string? value)
    {
        if (TrySet(context, key, value, out int errno)) return;
        throw new SyscallException("fsconfig", errno, $"{key}{(value is null ? "" : "=" + value)}{Complaint(context)}");
    }

    public static bool TrySet(Fd context, string key, string? value, out int errno)
    {
        fixed (byte* name = Utf8(key))
        fixed (byte* text = value is null ? null : Utf8(value))
        {
            nint result = Libc.syscall(SyscallNumber.fsconfig, context.Value, value is null ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, (nint)name, (nint)text);
            errno = result < 0 ? Marshal.GetLastPInvokeError() : 0;
            return result >= 0;
        }
    }

    public static Fd Finish(Fd context, string type, ulong attributes)
    {
        if (Libc.syscall(SyscallNumber.fsconfig, context.Value, FSCONFIG_CMD_CREATE) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            throw new SyscallException("fsconfig create", errno, type + Complaint(context));
        }
        return new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.fsmount, context.Value, (nint)FSMOUNT_CLOEXEC, (nint)attributes), "fsmount", type));
    }

    // The kernel leaves its messages in the context, one a read ("e overlay: ...").
    private static string Complaint(Fd context)
    {
        byte* buffer = stackalloc byte[512];
        nint count = Libc.read(context.Value, buffer, 512);
        return count > 2 ? $" ({Encoding.UTF8.GetString(buffer + 2, (int)count - 2).TrimEnd('\n')})" : "";
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
