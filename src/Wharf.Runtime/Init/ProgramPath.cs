using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Finds the program to execute as execvp would, inside the container's root.</summary>
internal static class ProgramPath
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The path to give to execve, or an error with docker's words: not found (127), not executable (126).</summary>
    public static string Find(Fd root, Process process)
    {
        if (process.Args.Count == 0 || process.Args[0].Length == 0) throw ExecErrors.NotInPath("");
        var command = process.Args[0];
        if (command.Contains('/'))
        {
            int errno = Check(root, command.StartsWith('/') ? command : $"{process.Cwd}/{command}");
            return errno == 0 ? command : throw (errno == Errno.EISDIR ? ExecErrors.OfDirectory(command) : ExecErrors.Of(command, errno));
        }
        bool denied = false;
        foreach (var directory in PathOf(process).Split(':'))
        {
            var candidate = $"{(directory.Length == 0 ? process.Cwd : directory)}/{command}";
            int errno = Check(root, candidate);
            if (errno == 0) return candidate;
            denied |= errno is Errno.EACCES or Errno.EISDIR;
        }
        throw denied ? ExecErrors.Of(command, Errno.EACCES) : ExecErrors.NotInPath(command);
    }

    private static string PathOf(Process process) =>
        process.Env?.LastOrDefault(entry => entry.StartsWith("PATH=", StringComparison.Ordinal))?[5..] ?? DefaultPath;

    private static int Check(Fd root, string path)
    {
        // What is under /proc cannot be seen before the child has mounted it: execve itself will tell.
        if (path.StartsWith("/proc/", StringComparison.Ordinal)) return 0;
        using var file = OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out int errno);
        if (file is null) return errno == Errno.ENOTDIR ? Errno.ENOENT : errno;
        var stat = FileStat.Of(file);
        if (stat.IsDirectory) return Errno.EISDIR;
        return (stat.Mode & 0b001_001_001) == 0 ? Errno.EACCES : 0;
    }
}
