using Shouldly;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Xunit;

namespace Wharf.Tests.Linux.Fds;

public sealed class DirectoryEntriesTests
{
    [Fact]
    public void A_directory_that_was_removed_since_it_was_opened_has_no_entries()
    {
        var path = Directory.CreateTempSubdirectory("wharf-test-").FullName;
        using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        Directory.CreateDirectory(Path.Combine(path, "one"));
        DirectoryEntries.Read(directory.Value).ShouldHaveSingleItem().ShouldBe("one"u8.ToArray());
        Directory.Delete(path, recursive: true);
        DirectoryEntries.Read(directory.Value).ShouldBeEmpty();
    }
}
