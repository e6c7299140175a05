using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Marks of overlayfs (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories") and of fuse-overlayfs. Inside a user namespace attributes named
/// <c>trusted.</c> cannot be set: there overlayfs is mounted with an option that makes it take them from <c>user.</c>, and fuse-overlayfs has a name of its own,
/// besides understanding those of the other.
/// </summary>
internal static class OverlayMarks
{
    private static ReadOnlySpan<byte> OfRoot => "trusted.overlay."u8;
    private static ReadOnlySpan<byte> OfUser => "user.overlay."u8;
    private static ReadOnlySpan<byte> OfFuse => "user.fuseoverlayfs."u8;

    public static ReadOnlySpan<byte> Opaque => UserNamespace.IsInner ? "user.overlay.opaque"u8 : "trusted.overlay.opaque"u8;

    /// <summary>Whether one of them would take an attribute as a mark of its own.</summary>
    public static bool IsMark(ReadOnlySpan<byte> name) => name.StartsWith(OfRoot) || name.StartsWith(OfFuse) || UserNamespace.IsInner && name.StartsWith(OfUser);

    /// <summary>Whether a directory hides all that the layers below have in its place.</summary>
    public static bool IsOpaque(int directory, ReadOnlySpan<byte> name) =>
        Xattr.Get(directory, name, Opaque) is [(byte)'y'] || UserNamespace.IsInner && Xattr.Get(directory, name, "user.fuseoverlayfs.opaque"u8) is [(byte)'y'];

    /// <summary>The names in a directory of a layer, without the two that fuse-overlayfs puts into opaque ones besides the attribute.</summary>
    public static IEnumerable<byte[]> NamesIn(Fd directory) =>
        DirectoryEntries.Read(directory.Value).Where(static name => !name.AsSpan().StartsWith(".wh."u8) || !(name.AsSpan().SequenceEqual(".wh..opq"u8) || name.AsSpan().SequenceEqual(".wh..wh..opq"u8)));

    /// <summary>What every overlay over layers is mounted with, so that these marks count.</summary>
    public static IReadOnlyList<string> MountOptions { get; } = UserNamespace.IsInner ? ["userxattr"] : [];
}
