using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Runtime;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Runtime.Init;

/// <summary>The child's steps from the host's root to the container's: /proc of its PID namespace, what covers parts of it, and the change of root.</summary>
internal static unsafe class RootSteps
{
    public static void AddProc(LaunchProgram program, Fd root, ContainerMounts mounts, Fd? nullDevice, LinuxSpec linux)
    {
        if (mounts.WantsProc) MountProc(program, root, mounts.ProcAttributes);
        else if (!mounts.BindsProc) return;
        foreach (var (mount, destination) in mounts.ProcMounts) Place(program, root, mount.Value, destination);
        foreach (var path in linux.ReadonlyPaths ?? []) if (Masks.IsUnderProc(path)) MakeReadOnly(program, root, path);
        foreach (var path in linux.MaskedPaths ?? []) if (Masks.IsUnderProc(path)) Hide(program, root, nullDevice!, path);
    }

    public static void AddChange(LaunchProgram program, Fd root, bool noPivot, string? propagation)
    {
        var dot = program.Text(".");
        program.Add("fchdir root", LaunchSyscalls.fchdir, root.Value);
        if (noPivot)
        {
            program.Add("move root", SyscallNumber.move_mount, root.Value, program.Text(""), OpenAt.AT_FDCWD, program.Text("/"), (nint)MOVE_MOUNT_F_EMPTY_PATH);
            program.Add("chroot", LaunchSyscalls.chroot, dot);
        }
        else
        {
            program.Add("pivot_root", SyscallNumber.pivot_root, dot, dot);
            // The old root now lies over the new one at "." (pivot_root(2)); off with it. What happens to it must not reach the host's mounts.
            program.Add("detach the old root", LaunchSyscalls.umount2, dot, MNT_DETACH);
        }
        program.Add("chdir /", LaunchSyscalls.chdir, program.Text("/"));
        // A shared root could not have been pivoted to: it is shared from here on.
        if (MountOptions.PropagationOf(propagation) is ({ } kind, var recursive))
            program.Add("mount propagation of /", LaunchSyscalls.mount, 0, program.Text("/"), 0, (nint)(kind | (recursive ? MS_REC : 0)), 0);
    }

    /// <summary>The root, built in a mount namespace of the launch's own, goes to where its directory is in another, and is changed to there.</summary>
    public static void AddMoveTo(LaunchProgram program, Fd root, Fd mountNamespace, string directory)
    {
        var empty = program.Text("");
        int tree = program.Add("open_tree root", SyscallNumber.open_tree, root.Value, empty, (nint)(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
        program.Add("join mount namespace", LaunchSyscalls.setns, mountNamespace.Value, Launcher.CLONE_NEWNS);
        program.Add("move root to " + directory, SyscallNumber.move_mount, tree, empty, OpenAt.AT_FDCWD, program.Text(directory), (nint)MOVE_MOUNT_F_EMPTY_PATH, references: 1);
        AddChroot(program, tree, references: 1);
    }

    /// <summary>A directory becomes the root without its mount namespace's root changing.</summary>
    public static void AddChroot(LaunchProgram program, int directory, byte references = 0)
    {
        program.Add("fchdir root", LaunchSyscalls.fchdir, directory, references: references);
        program.Add("chroot", LaunchSyscalls.chroot, program.Text("."));
        program.Add("chdir /", LaunchSyscalls.chdir, program.Text("/"));
    }

    private static void MountProc(LaunchProgram program, Fd root, ulong attributes)
    {
        int context = program.Add("fsopen proc", SyscallNumber.fsopen, program.Text("proc"), (nint)FSOPEN_CLOEXEC);
        program.Add("fsconfig proc", SyscallNumber.fsconfig, context, FSCONFIG_SET_STRING, program.Text("source"), program.Text("proc"), references: 1);
        program.Add("fsconfig create proc", SyscallNumber.fsconfig, context, FSCONFIG_CMD_CREATE, references: 1);
        int mount = program.Add("fsmount proc", SyscallNumber.fsmount, context, (nint)FSMOUNT_CLOEXEC, (nint)attributes, references: 1);
        int target = Open(program, root, "/proc", O.DIRECTORY, OnError.Fail, 0);
        Attach(program, mount, target, "/proc");
    }

    private static void Place(LaunchProgram program, Fd root, int mount, string destination)
    {
        int target = Open(program, root, destination, 0, OnError.Fail, 0);
        var empty = program.Text("");
        program.Add("move_mount " + destination, SyscallNumber.move_mount, mount, empty, target, empty, (nint)(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), references: 4);
    }

    private static void MakeReadOnly(LaunchProgram program, Fd root, string path)
    {
        // A path this kernel has not got is left out, as runc does.
        int target = Open(program, root, path, 0, OnError.Skip, 3);
        int tree = program.Add("open_tree " + path, SyscallNumber.open_tree, target, program.Text(""), (nint)(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE), references: 1);
        var attributes = program.Value(new MountTree.Attributes { Set = MOUNT_ATTR_RDONLY });
        program.Add("mount_setattr " + path, SyscallNumber.mount_setattr, tree, program.Text(""), (nint)(AT_EMPTY_PATH | AT_RECURSIVE), attributes, sizeof(MountTree.Attributes), references: 1);
        Attach(program, tree, target, path);
    }

    private static void Hide(LaunchProgram program, Fd root, Fd nullDevice, string path)
    {
        // The host's procfs is of the same kernel: it tells what kind of file there will be.
        bool directory = Directory.Exists(path);
        if (!directory && !File.Exists(path)) return;
        var cover = directory ? Masks.EmptyDirectory() : MountTree.Clone(nullDevice);
        int mount = program.Keep(cover);
        int target = Open(program, root, path, 0, OnError.Skip, 1);
        var empty = program.Text("");
        program.Add("mask " + path, SyscallNumber.move_mount, mount, empty, target, empty, (nint)(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), references: 4);
    }

    private static int Open(LaunchProgram program, Fd root, string path, int flags, OnError onError, byte skip)
    {
        var how = program.Value(new OpenHow { Flags = (ulong)(uint)(O.PATH | O.CLOEXEC | flags), Mode = 0, Resolve = (ulong)(Resolve.InRoot | Resolve.NoMagiclinks | Resolve.NoSymlinks) });
        return program.Add("open " + path, SyscallNumber.openat2, root.Value, program.Text(path), how, sizeof(OpenHow), onError: onError, skip: skip);
    }

    private static void Attach(LaunchProgram program, int mountStep, int targetStep, string name)
    {
        var empty = program.Text("");
        program.Add("move_mount " + name, SyscallNumber.move_mount, mountStep, empty, targetStep, empty, (nint)(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), references: 1 | 4);
    }

    private struct OpenHow { public ulong Flags, Mode, Resolve; }
}
