using System.Text;
using Wharf.Linux.Fds;

namespace Wharf.Engine.Snapshots.Objects;

/// <summary>What a layer that is being made brings into the store. What it needs stays there until it is disposed, by when the layer's list says so.</summary>
internal sealed class ObjectIntake(ObjectStore store, string place, bool verifies) : IDisposable
{
    private Fd? _staging;

    /// <summary>Where contents wait that are not in the store yet.</summary>
    public string Place => place;
    /// <summary>Smaller files stay in the image.</summary>
    public required int MinSize { get; init; }
    public bool Verifies => verifies;
    public HashSet<string> Held { get; } = new(StringComparer.Ordinal);
    public HashSet<string> Staged { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes an unpacked file's content away, which is open, and gives its hash. The file itself is moved into the store, or removed where the store has the same.</summary>
    public string Take(Fd directory, byte[] name, Fd file, long size)
    {
        var hash = ObjectStore.Hash(file);
        if (Staged.Contains(hash) || store.Hold(this, hash, size))
        {
            FileAt.Check(FileAt.Unlink(directory.Value, name), "unlinkat", name);
            return hash;
        }
        _staging ??= Stage();
        var target = Encoding.ASCII.GetBytes(hash);
        // Whoever has the file in an image, what it may be used for is said there.
        FileAt.Check(FileAt.ChangeOwner(directory.Value, name, 0, 0), "fchownat", name);
        FileAt.Check(FileAt.ChangeMode(directory.Value, name, 0x100), "fchmodat", name);
        FileAt.Check(FileAt.Rename(directory.Value, name, _staging.Value, target), "renameat2", name);
        Staged.Add(hash);
        return hash;
    }

    private Fd Stage()
    {
        Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return OpenAt.Open(place, O.PATH | O.DIRECTORY);
    }

    /// <summary>From here on the layer in a numbered directory has its list, and the store what is on it.</summary>
    public void Publish(string directory) => store.Publish(this, directory);

    public void Dispose()
    {
        _staging?.Dispose();
        store.End(this);
    }
}
