using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Linux;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Rootfs;

/// <summary>What every container finds in /dev (OCI config-linux.md, "Default Devices"), and the devices it was given.</summary>
public static class Devices
{
    private static readonly (string Name, uint Major, uint Minor)[] Default = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
    private static readonly (string Name, string Target)[] Links =
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"), ("ptmx", "pts/ptmx")];

    /// <summary>Fills a new /dev.</summary>
    public static void Create(Fd root, IEnumerable<LinuxDevice>? devices, IdMaps maps)
    {
        using var dev = InRootPath.OpenOrCreateDirectory(root, "/dev", maps);
        foreach (var (name, major, minor) in Default) Node(dev, name, "/dev/" + name, FileStat.S_IFCHR | 0b110_110_110, major, minor, maps.Uid(0), maps.Gid(0));
        foreach (var (name, target) in Links)
        {
            if (name == "core" && !File.Exists(target)) continue; // kernels built without it
            if (Libc.symlinkat(target, dev.Value, name) < 0 && Marshal.GetLastPInvokeError() is not Errno.EEXIST and var errno)
                throw new SyscallException("symlinkat", errno, "/dev/" + name);
        }
        foreach (var device in devices ?? []) Create(root, device, maps);
    }

    /// <summary>The devices a container was given, in a /dev that is not the runtime's to fill: the host's own, bound.</summary>
    public static void CreateGiven(Fd root, IEnumerable<LinuxDevice>? devices, IdMaps maps)
    {
        foreach (var device in devices ?? []) if (!device.Path.StartsWith("/dev/", StringComparison.Ordinal)) Create(root, device, maps);
    }

    private static void Create(Fd root, LinuxDevice device, IdMaps maps)
    {
        uint kind = device.Type switch
        {
            "c" or "u" => FileStat.S_IFCHR,
            "b" => FileStat.S_IFBLK,
            "p" => FileStat.S_IFIFO,
            _ => throw WharfException.Invalid($"invalid device type \"{device.Type}\""),
        };
        int at = device.Path.LastIndexOf('/');
        using var directory = InRootPath.OpenOrCreateDirectory(root, at <= 0 ? "/" : device.Path[..at], maps);
        Node(directory, device.Path[(at + 1)..], device.Path, kind | (device.FileMode ?? 0b110_110_110) & 0xFFF, (uint)(device.Major ?? 0), (uint)(device.Minor ?? 0), maps.Uid(device.Uid ?? 0), maps.Gid(device.Gid ?? 0));
    }

    private static void Node(Fd directory, string name, string path, uint mode, uint major, uint minor, uint uid, uint gid)
    {
        // The device number as the kernel's userspace packs it (sysmacros.h).
        ulong number = Number(major, minor);
        if (Libc.mknodat(directory.Value, name, mode, number) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno == Errno.EEXIST) return;
            if (errno != Errno.EPERM || !UserNamespace.IsInner) throw new SyscallException("mknodat", errno, name);
            Bind(directory, name, OnHost(path, mode, major, minor) ?? OnHost(string.Create(CultureInfo.InvariantCulture, $"/dev/{((mode & FileStat.S_IFMT) == FileStat.S_IFBLK ? "block" : "char")}/{major}:{minor}"), mode, major, minor)
                ?? throw new SyscallException("mknodat", errno, path));
            return;
        }
        if (uid != 0 || gid != 0) SyscallException.Check(Libc.fchownat(directory.Value, name, uid, gid, OpenAt.AT_SYMLINK_NOFOLLOW), "fchownat", name);
    }

    // In a user namespace no device can be made; the host's own may be bound, when it is the one that is meant: found by the name it is to have, or by that
    // which udev gives every device.
    private static Fd? OnHost(string path, uint mode, uint major, uint minor)
    {
        if (!File.Exists(path)) return null;
        var device = OpenAt.Open(path, O.PATH);
        var found = FileStat.Of(device);
        if (found.Type == (mode & FileStat.S_IFMT) && (found.Type == FileStat.S_IFIFO || (found.RdevMajor, found.RdevMinor) == (major, minor))) return device;
        device.Dispose();
        return null;
    }

    private static void Bind(Fd directory, string name, Fd device)
    {
        using var source = device;
        using var tree = MountTree.Clone(source);
        using (OpenAt.InRoot(directory, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.NOCTTY, 0b110_100_100)) { }
        using var target = OpenAt.InRoot(directory, name, O.PATH);
        MountTree.Attach(tree, target, name);
    }

    private static ulong Number(uint major, uint minor) => minor & 0xff | (major & 0xfffu) << 8 | (ulong)(minor & ~0xffu) << 12 | (ulong)(major & ~0xfffu) << 32;

    /// <summary>The container's /dev/null, proved to be the null device before anything is masked with it (CVE-2025-31133).</summary>
    public static Fd? OpenNull(Fd root, bool required)
    {
        var file = OpenAt.TryInRoot(root, "/dev/null", O.PATH, 0, Resolve.NoSymlinks, out int errno);
        if (file is null) return required ? throw new SyscallException("openat2", errno, "/dev/null") : null;
        var stat = FileStat.Of(file);
        if (stat.IsCharacterDevice && stat is { RdevMajor: 1, RdevMinor: 3 } || !Defences.Up) return file;
        file.Dispose();
        throw WharfException.Invalid("the container's /dev/null is not the null device: refused");
    }

    /// <summary>Puts the terminal's slave at /dev/console. An image's link in that place is not followed (CVE-2025-52565).</summary>
    public static void MountConsole(Fd root, Fd slave, IdMaps maps)
    {
        // Without O_NOFOLLOW: with it and O_PATH the kernel gives the link itself (openat2(2)).
        using var plain = OpenAt.TryInRoot(root, "/dev/console", O.PATH, 0, Resolve.NoSymlinks, out int errno);
        if (errno == Errno.ELOOP) throw WharfException.Invalid("the container's /dev/console is a symbolic link: refused", new SyscallException("openat2", errno, "/dev/console"));
        using var target = plain is null ? InRootPath.OpenOrCreateFile(root, "/dev/console", maps) : null;
        using var tree = MountTree.Clone(slave);
        MountTree.Attach(tree, plain ?? target!, "/dev/console");
    }
}
