using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>An overlay file system as a detached mount (Documentation/filesystems/overlayfs.rst).</summary>
public static class OverlayMount
{
    /// <summary>Option values longer than this do not fit fsconfig's string (256 bytes with the end).</summary>
    private const int MaxFsconfigString = 255;

    /// <summary>
    /// Mounts with the options of mount(8): <c>lowerdir=a:b</c> (uppermost first), <c>upperdir</c>, <c>workdir</c> and flags. Layers are
    /// given one by one where the kernel can (<c>lowerdir+</c>, 6.5), which also lifts the limit of one page for all of them.
    /// </summary>
    public static Fd Create(IEnumerable<string> options, ulong attributes)
    {
        using var context = MountTree.OpenContext("overlay");
        foreach (var option in options)
        {
            int at = option.IndexOf('=');
            var (key, value) = at < 0 ? (option, null) : (option[..at], option[(at + 1)..]);
            if (key == "lowerdir") SetLowers(context, value!);
            else MountTree.Set(context, key, value);
        }
        return MountTree.Finish(context, "overlay", attributes);
    }

    private static void SetLowers(Fd context, string value)
    {
        var lowers = value.Split(':');
        if (!MountTree.TrySet(context, "lowerdir+", lowers[0], out int errno))
        {
            if (errno != Errno.EINVAL || value.Length > MaxFsconfigString) throw new SyscallException("fsconfig", errno, "lowerdir+=" + lowers[0]);
            MountTree.Set(context, "lowerdir", value);
            return;
        }
        foreach (var lower in lowers.AsSpan(1)) MountTree.Set(context, "lowerdir+", lower);
    }
}
