using Shouldly;

namespace Wharf.SystemTests.Build;

/// <summary>
/// A directory on the host, outside of everything that a build may see: a file whose text is a secret of its own, and an empty directory. A hostile
/// build must neither read nor change them, and nothing may appear beside them.
/// </summary>
internal sealed class HostMarker : IDisposable
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public HostMarker()
    {
        System.IO.File.WriteAllText(File, Secret);
        System.IO.File.SetUnixFileMode(File, Mode);
        System.IO.Directory.CreateDirectory(Empty);
    }

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("wharf-outside-").FullName;
    public string Secret { get; } = "host-" + Guid.NewGuid().ToString("n");
    public string File => Path.Combine(Directory, "marker");
    public string Empty => Path.Combine(Directory, "empty");

    /// <summary>Fails when any of it is not as it was made.</summary>
    public void ShouldBeUntouched()
    {
        System.IO.Directory.EnumerateFileSystemEntries(Directory).Order(StringComparer.Ordinal).ShouldBe([Empty, File]);
        System.IO.Directory.EnumerateFileSystemEntries(Empty).ShouldBeEmpty();
        System.IO.File.ReadAllText(File).ShouldBe(Secret);
        System.IO.File.GetUnixFileMode(File).ShouldBe(Mode);
    }

    public void Dispose()
    {
        try { ShouldBeUntouched(); }
        finally { System.IO.Directory.Delete(Directory, recursive: true); }
    }
}
