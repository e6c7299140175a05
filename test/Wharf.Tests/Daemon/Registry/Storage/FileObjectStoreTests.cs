using Shouldly;
using Wharf.Daemon.Registry.Storage;
using Xunit;

namespace Wharf.Tests.Daemon.Registry.Storage;

public sealed class FileObjectStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-objects-").FullName;

    /// <summary>.NET tells a missing directory as a missing file when another thread makes it in between, as several first uploads to a repository do.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_missing_directory_is_made_however_it_is_told(bool madeMeanwhile)
    {
        var path = Path.Combine(_root, "repository", "file");
        int tries = 0;
        FileObjectStore.InDirectory(path, target =>
        {
            if (tries++ > 0) File.WriteAllText(target, "x");
            else if (madeMeanwhile) throw new FileNotFoundException();
            else throw new DirectoryNotFoundException();
        });
        tries.ShouldBe(2);
        File.Exists(path).ShouldBeTrue();
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
