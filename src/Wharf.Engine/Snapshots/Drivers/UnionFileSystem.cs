using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>A file system that shows directories over each other, and what it is told besides.</summary>
internal sealed record UnionFileSystem(string Type, IReadOnlyList<string> Flags)
{
    // What the distribution may have switched on by default: a renamed lower directory or a file's metadata alone in the upper
    // directory would make commit and diff miss contents, and an index ties the directories to one machine's file handles.
    // With marks in user attributes the kernel has neither of the first two, and takes no word about them.
    public static readonly UnionFileSystem Overlay = new("overlay", ["index=off", .. OverlayMarks.MountOptions is { Count: > 0 } marks ? marks : ["redirect_dir=off", "metacopy=off"]]);
    public static readonly UnionFileSystem Fuse = new(FuseOverlayMount.Type, []);

    /// <summary>What it is told after the directories.</summary>
    public IReadOnlyList<string> Data { get; init; } = [];

    private string Source => Type == FuseOverlayMount.Type ? FuseOverlayMount.Program : Type;

    /// <summary>What the runtime mounts: directories, uppermost first, with a directory for what is written and one to work in; read-only without these.</summary>
    public Mount MountOf(string destination, IEnumerable<string> lowers, (string Upper, string Work)? writable = null) => new()
    {
        Type = Type, Source = Source, Destination = destination,
        Options = [.. Flags, "lowerdir=" + string.Join(':', lowers), .. writable is { } to ? (string[])["upperdir=" + to.Upper, "workdir=" + to.Work] : ["ro"], .. Data],
    };

    /// <summary>The same as a mount attached nowhere.</summary>
    public static Fd Open(Mount mount, ulong attributes = 0, string? source = null)
    {
        bool readOnly = mount.Options!.Contains("ro");
        var options = readOnly ? mount.Options!.Where(static option => option != "ro") : mount.Options!;
        if (readOnly) attributes |= MountFlags.MOUNT_ATTR_RDONLY;
        source ??= mount.Source!;
        return mount.Type == FuseOverlayMount.Type ? FuseOverlayMount.Create(options, attributes, source) : OverlayMount.Create(options, attributes, source: source);
    }

    /// <summary>Directories, uppermost first, as one read-only file system.</summary>
    public Fd OpenReadOnly(IEnumerable<string> trees, ulong attributes = 0, string? source = null) => Open(MountOf("/", trees), attributes, source);

    /// <summary>Whether a mount is of a file system of this kind.</summary>
    public static bool Is(Mount mount) => mount.Type == Overlay.Type || mount.Type == Fuse.Type;
}
