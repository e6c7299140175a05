using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    /// <summary>
    /// Gives a container that does not run a new writable layer with the content of a committed one, which must have been made over the same
    /// layers; null: an empty one. It may hold <paramref name="size"/> bytes where one is given. Atomic: after a kill the container has either the old layer or the whole new one.
    /// </summary>
    public async Task ReplaceWritableAsync(string key, Digest? content, long? size, CancellationToken cancellation)
    {
        var old = Find(key);
        var (number, directory) = MakeNumbered();
        bool recorded = false;
        try
        {
            using (directory)
            {
                bool whole = old.Driver.HoldsWholeRoot;
                await old.Driver.MakeWritableAsync(directory, NumberPath(number), Stack(whole ? content ?? old.Parent : old.Parent), size, cancellation);
                if (content is { } layer && !whole) await FillAsync(number, directory, old.Parent, layer, cancellation);
            }
            _state.Execute("update writables set number = $2 where key = $1", key, number);
            recorded = true;
            _writables[key] = old with { Number = number };
        }
        finally
        {
            if (!recorded) Discard(number);
        }
        Discard(old.Number);
    }

    private async Task FillAsync(long number, Fd directory, Digest? parent, Digest layer, CancellationToken cancellation)
    {
        using var tree = new Fd(FileAt.Check(FileAt.Open(directory.Value, "fs"u8, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", "fs"u8));
        await Piped.RunAsync(output => WriteLayerTarAsync(layer, output, cancellation), tar => FillTreeAsync(number, directory, tree, parent, Task.CompletedTask, tar, hollow: false, cancellation));
        // A writable layer needs no way back to the tar it came from.
        FileAt.Check(FileAt.Unlink(directory.Value, "tar"u8, isDirectory: false), "unlinkat", "tar"u8);
        if (Directory.Exists(NumberPath(number) + "/kept")) Directory.Delete(NumberPath(number) + "/kept", recursive: true);
    }
}
