using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>
/// Directories over each other by fuse-overlayfs(1), as a detached mount: where the kernel's overlayfs is not to be had. The program serves the mount as long as
/// there is one: when the last who has it open or mounted is gone, the kernel tells it to end. So it outlives whoever started it, and leaves nothing behind.
/// </summary>
public static class FuseOverlayMount
{
    public const string Program = "fuse-overlayfs", Type = "fuse." + Program, Device = "/dev/fuse";

    private const int DescriptorInProgram = 3;

    // What is written through the mount is in the upper directory at once, where it is read from outside: by diff, commit and copies.
    private const string WriteThrough = "writeback=0";

    /// <summary>
    /// Mounts with the options of mount(8), as <see cref="OverlayMount.Create"/> does; without an upper directory it is read-only. The calling thread must be in the mount
    /// namespace in which the program is to stay: one that holds the mount would never let it end.
    /// </summary>
    public static Fd Create(IEnumerable<string> options, ulong attributes, string source = Program)
    {
        using var device = OpenAt.Open(Device, O.RDWR);
        var tree = MountTree.Create("fuse", source,
            [$"fd={device.Value.ToString(CultureInfo.InvariantCulture)}", "rootmode=40000", "user_id=0", "group_id=0", "subtype=" + Program, "default_permissions", "allow_other"], attributes);
        try
        {
            var text = string.Join(',', options.Append(WriteThrough).Select(static option => option.Replace("\\", "\\\\").Replace(",", "\\,")));
            var served = HelperProcess.Start(Program, ["-f", "-o", text, "/dev/fd/" + DescriptorInProgram], device, DescriptorInProgram);
            // With the program's own the only one that is left, its end is the end of the mount, and nobody waits for it in vain.
            device.Dispose();
            if (FileAt.Stat(tree.Value, [], out _) < 0) throw new IOException($"{Program} cannot mount: {Reason(served)}");
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    // Of some options that it sets itself it says that they are ignored; of others that are wrong it says nothing.
    private static string Reason(HelperProcess ended) =>
        ended.Complaints().LastOrDefault(static line => !line.StartsWith("unknown argument ignored", StringComparison.Ordinal)) ?? $"it ended without a word (wait status {ended.Status})";
}
