using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>An overlay file system as a detached mount (Documentation/filesystems/overlayfs.rst).</summary>
public static class OverlayMount
{
    /// <summary>Option values longer than this do not fit fsconfig's string (256 bytes with the end).</summary>
    private const int MaxFsconfigString = 255;

    // lowerdir+ came with 6.7. Before 6.5 overlay takes its options as one text, which is only looked at when the file system is made: there even
    // an option that nobody knows can be set.
    private static readonly Lazy<bool> TakesLowersOneByOne = new(() =>
    {
        using var context = MountTree.OpenContext("overlay");
        return MountTree.TrySet(context, "lowerdir+", "/", out _) && !MountTree.TrySet(context, "no-such-option", null, out _);
    });

    /// <summary>
    /// Mounts with the options of mount(8): <c>lowerdir=a:b</c> (uppermost first), <c>upperdir</c>, <c>workdir</c> and flags. Layers are
    /// given one by one where the kernel can, which also lifts the limit of one page for all of them. <paramref name="ownNamespace"/>: the
    /// calling thread has a mount namespace of its own, in which something may be mounted for a moment.
    /// </summary>
    public static Fd Create(IEnumerable<string> options, ulong attributes, bool ownNamespace = false, string source = "overlay")
    {
        var all = options.Select(option => option.Split('=', 2) is [var key, var value] ? (Key: key, Value: (string?)value) : (Key: option, Value: null)).ToList();
        if (!TakesLowersOneByOne.Value && all.Any(option => option.Value?.Length > MaxFsconfigString)) return CreateByText(all, attributes, ownNamespace, source);
        using var context = MountTree.OpenContext("overlay");
        MountTree.Set(context, "source", source);
        foreach (var (key, value) in all)
        {
            if (key != "lowerdir" || !TakesLowersOneByOne.Value) MountTree.Set(context, key, value);
            else foreach (var lower in value!.Split(':')) MountTree.Set(context, "lowerdir+", lower);
        }
        return MountTree.Finish(context, "overlay", attributes);
    }

    /// <summary>
    /// mount(2), whose options are one page, not 256 bytes each; directories are named by descriptors, so that 127 layers fit. The mount is
    /// made somewhere in a mount namespace that nobody else sees, and taken off there.
    /// </summary>
    private static Fd CreateByText(List<(string Key, string? Value)> options, ulong attributes, bool ownNamespace, string source)
    {
        var directories = new List<Fd>();
        try
        {
            string Name(string path)
            {
                directories.Add(OpenAt.Open(path, O.PATH | O.DIRECTORY));
                return "/proc/self/fd/" + directories[^1].Value.ToString(CultureInfo.InvariantCulture);
            }
            var text = string.Join(',', options.Select(option => option.Key switch
            {
                "lowerdir" => "lowerdir=" + string.Join(':', option.Value!.Split(':').Select(Name)),
                "upperdir" or "workdir" => $"{option.Key}={Name(option.Value!)}",
                _ => option.Value is null ? option.Key : $"{option.Key}={option.Value}",
            }));
            var place = options.First(option => option.Key == "lowerdir").Value!.Split(':')[0];
            var tree = ownNamespace ? MountAndTakeOff(source, place, text) : MountNamespace.InOwn(() => MountAndTakeOff(source, place, text));
            MountTree.SetAttributes(tree, attributes, 0);
            return tree;
        }
        finally
        {
            foreach (var directory in directories) directory.Dispose();
        }
    }

    private static Fd MountAndTakeOff(string source, string place, string text)
    {
        SyscallException.Check(Libc.mount(source, place, "overlay", 0, text), "mount overlay", text);
        try { return MountTree.Clone(place, recursive: false); }
        finally { SyscallException.Check(Libc.umount2(place, MountFlags.MNT_DETACH), "umount2", place); }
    }
}
