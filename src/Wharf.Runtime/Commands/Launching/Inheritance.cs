using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>This process's standard streams, at numbers above those the program inherits, for the launch to put in place.</summary>
internal sealed class Inheritance : IDisposable
{
    private const int F_DUPFD_CLOEXEC = 1030, F_GETFD = 1;

    private readonly Fd[] _copies = new Fd[3];

    public Inheritance(int preserved)
    {
        for (int fd = 0; fd < 3; fd++)
        {
            int copy = Libc.fcntl(fd, F_DUPFD_CLOEXEC, 3 + preserved);
            // A closed stream is the null device to the program.
            _copies[fd] = copy >= 0 ? new Fd(copy) : OpenAt.Open("/dev/null", O.RDWR);
        }
    }

    public IReadOnlyList<Fd> Files => _copies;
    public int Stdin => _copies[0].Value;
    public int Stdout => _copies[1].Value;
    public int Stderr => _copies[2].Value;

    /// <summary>How many descriptors from 3 on the program is to inherit; those of socket activation are told to it (sd_listen_fds(3)).</summary>
    public static int Count(int preserve, Process process)
    {
        if (preserve < 0) throw new RuntimeException($"invalid number of preserved descriptors: {preserve}");
        int listening = int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), out int given) && given > 0 ? given : 0;
        if (listening > 0) process.Env = [.. process.Env ?? [], $"LISTEN_FDS={listening}", "LISTEN_PID=1"];
        for (int i = 0; i < preserve + listening; i++)
            if (Libc.fcntl(3 + i, F_GETFD, 0) < 0) throw new RuntimeException($"unable to stat preserved-fd {i} (of {preserve}): please check that it is open: bad file descriptor");
        return preserve + listening;
    }

    public void Dispose()
    {
        foreach (var copy in _copies) copy?.Dispose();
    }
}

/// <summary>The file that tells a caller the process's ID.</summary>
internal static class PidFile
{
    public static void Write(string? path, int pid)
    {
        if (path is not { Length: > 0 }) return;
        var temporary = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, "." + Path.GetFileName(path));
        File.WriteAllText(temporary, pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
        File.Move(temporary, path, overwrite: true);
    }
}

/// <summary>The fifo by which a created process is started (fifo(7)).</summary>
internal static class Fifo
{
    public static void Make(string path) => SyscallException.Check(Libc.mknodat(OpenAt.AT_FDCWD, path, FileStat.S_IFIFO | 0b110_000_000, 0), "mkfifo", path);

    /// <summary>
    /// Lets the process at the other end go on and waits until it has let go of the fifo: it has executed its program, or has ended.
    /// False when nobody waits there.
    /// </summary>
    public static bool Release(string path)
    {
        Fd fifo;
        try { fifo = OpenAt.Open(path, O.WRONLY | O.NONBLOCK); }
        catch (SyscallException error) when (error.Errno == Errno.ENXIO) { return false; }
        using (fifo)
        {
            FileAt.WriteAll(fifo.Value, "0"u8);
            Span<PollEntry> entry = [new PollEntry(fifo.Value, 0)];
            while ((entry[0].Returned & FdPoll.POLLERR) == 0) FdPoll.Wait(entry, -1);
        }
        return true;
    }
}
