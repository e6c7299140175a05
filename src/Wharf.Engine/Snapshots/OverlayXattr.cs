using Wharf.Linux.Namespaces;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Marks of overlayfs (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). Inside a user namespace attributes named
/// <c>trusted.</c> cannot be set: there the file system is mounted with an option that makes it take them from <c>user.</c>.
/// </summary>
internal static class OverlayXattr
{
    private static ReadOnlySpan<byte> OfRoot => "trusted.overlay."u8;
    private static ReadOnlySpan<byte> OfUser => "user.overlay."u8;

    public static ReadOnlySpan<byte> Opaque => UserNamespace.IsInner ? "user.overlay.opaque"u8 : "trusted.overlay.opaque"u8;

    /// <summary>Whether overlayfs would take an attribute as a mark of its own.</summary>
    public static bool IsMark(ReadOnlySpan<byte> name) => name.StartsWith(OfRoot) || UserNamespace.IsInner && name.StartsWith(OfUser);

    /// <summary>What every overlay over layers is mounted with, so that these marks count.</summary>
    public static IReadOnlyList<string> MountOptions { get; } = UserNamespace.IsInner ? ["userxattr"] : [];
}
