using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Store;

/// <summary>The directories of all containers below --root. A container is there from before its first resource is made until its last is gone.</summary>
internal sealed class ContainerStore(string root)
{
    public const string FifoName = "exec.fifo", StateName = "state.json";
    private const int MostIdLength = 1024;

    // By hand: a regular expression's machinery takes longer to wake than a container to start.
    private static bool HasIdForm(string id) => id.Length > 0 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or '-' or '.');

    public string Root { get; } = root;

    public static void Validate(string id)
    {
        if (id.Length == 0) throw new RuntimeException("container id cannot be empty");
        if (id.Length > MostIdLength || id is "." or ".." || !HasIdForm(id)) throw new RuntimeException("invalid container ID format");
    }

    private string DirectoryOf(string id) => Path.Combine(Root, id);

    /// <summary>Takes an ID: its directory, with nothing in it yet.</summary>
    public Container Create(string id)
    {
        Validate(id);
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Libc.mkdirat(OpenAt.AT_FDCWD, DirectoryOf(id), 0b111_001_001) == 0) return new Container(DirectoryOf(id), new ContainerState { Id = id }, hasSpec: false);
        int errno = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        throw errno == Errno.EEXIST ? new RuntimeException("container with given ID already exists") : new SyscallException("mkdir", errno, DirectoryOf(id));
    }

    /// <summary>A container by its ID.</summary>
    public Container Load(string id)
    {
        Validate(id);
        return TryLoad(id) ?? throw new RuntimeException("container does not exist");
    }

    public Container? TryLoad(string id)
    {
        var directory = DirectoryOf(id);
        if (!Directory.Exists(directory)) return null;
        try
        {
            if (StateJson.Last(File.ReadAllBytes(Path.Combine(directory, StateName))) is { Length: > 0 } state) return new Container(directory, StateJson.Read(state), hasSpec: true);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { } // as below, or just deleted
        // Its creator was killed, or is just, between the directory and the first state: all there is of it is the directory.
        return Directory.Exists(directory) ? new Container(directory, new ContainerState { Id = id }, hasSpec: false) : null;
    }

    public IEnumerable<Container> All()
    {
        if (!Directory.Exists(Root)) yield break;
        foreach (var directory in Directory.GetDirectories(Root).Order(StringComparer.Ordinal))
            if (HasIdForm(Path.GetFileName(directory)) && TryLoad(Path.GetFileName(directory)) is { } container) yield return container;
    }
}
