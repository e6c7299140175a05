namespace Wharf.Specs.DockerApi;

/// <summary>Go's os.FileMode (package io/fs), which the archive endpoints' stat and BuildKit's file protocol carry: permissions as Unix has them, the rest in places of its own.</summary>
public static class GoFileMode
{
    public const uint Directory = 1u << 31, Symlink = 1u << 27, Device = 1u << 26, Pipe = 1u << 25, Socket = 1u << 24, SetUser = 1u << 23, SetGroup = 1u << 22, CharacterDevice = 1u << 21, Sticky = 1u << 20;

    /// <summary>The bits of which a regular file has none.</summary>
    public const uint Kind = Directory | Symlink | Device | Pipe | Socket | CharacterDevice | Irregular;

    private const uint Irregular = 1u << 19, Access = 0x1ff, UnixSetUser = 0x800, UnixSetGroup = 0x400, UnixSticky = 0x200;

    /// <summary>The twelve bits of chmod(2) in Go's places.</summary>
    public static uint OfPermissions(uint mode) =>
        (mode & Access) | ((mode & UnixSetUser) != 0 ? SetUser : 0) | ((mode & UnixSetGroup) != 0 ? SetGroup : 0) | ((mode & UnixSticky) != 0 ? Sticky : 0);

    /// <summary>The twelve bits of chmod(2) of a mode of Go's.</summary>
    public static uint Permissions(uint mode) =>
        (mode & Access) | ((mode & SetUser) != 0 ? UnixSetUser : 0) | ((mode & SetGroup) != 0 ? UnixSetGroup : 0) | ((mode & Sticky) != 0 ? UnixSticky : 0);
}
