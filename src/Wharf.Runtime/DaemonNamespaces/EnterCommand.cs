using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.DaemonNamespaces;

/// <summary>
/// <c>wharf-runtime enter STATE DIRECTORY PROGRAM [ARGUMENT...]</c>: executes a program, in that directory, as the root of a user namespace with mounts and a network of its own.
/// They are made when STATE knows of none, and found again by the next that asks. <c>wharf daemon --rootless</c> executes itself so. A process with threads
/// cannot enter a user namespace: this one executes itself once more, and enters before .NET begins (<see cref="EarlyMain"/>).
/// </summary>
internal static unsafe class EnterCommand
{
    /// <summary>Tells the program executed anew which descriptor is the holder of the namespaces. EarlyMain knows the name too.</summary>
    public const string Variable = "WHARF_RUNTIME_HOLDER";
    private const int LOCK_EX = 2, Above = 200, F_DUPFD = 0;

    public static int Run(IReadOnlyList<string> args)
    {
        if (args is not [var state, var directory, var program, ..])
        {
            Console.Error.WriteLine("usage: wharf-runtime enter STATE DIRECTORY PROGRAM [ARGUMENT...]");
            return 2;
        }
        try
        {
            if (Environment.GetEnvironmentVariable(Variable) is null) Enter(state);
            if (!UserNamespace.IsInner) throw WharfException.Invalid("the daemon's user namespace could not be entered");
            Surroundings.Prepare(state);
            Execute(directory, program, [.. args.Skip(2)]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or WharfException) { Console.Error.WriteLine($"wharf daemon: {error.Message}"); }
        return 1;
    }

    // Does not return.
    private static void Enter(string state)
    {
        Directory.CreateDirectory(state, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var one = OpenAt.Open(Path.Combine(state, "lock"), O.RDWR | O.CREAT, 0b110_000_000); // two daemons started at once make one set of namespaces
        SyscallException.Check(Libc.flock(one.Value, LOCK_EX), "flock", state);
        int holder = NamespaceHolder.Find(state) ?? NamespaceHolder.Make(state);
        using var process = new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.pidfd_open, holder, 0), "pidfd_open"));
        int number = SyscallException.Check(Libc.fcntl(process.Value, F_DUPFD, Above), "fcntl F_DUPFD"); // open across the execve
        ReadonlyExecutable.ExecuteAgain(string.Create(CultureInfo.InvariantCulture, $"{Variable}={number}"));
    }

    private static void Execute(string directory, string path, IReadOnlyList<string> arguments)
    {
        using var memory = new LaunchProgram(); // its texts are what execve takes; the step itself is done here
        var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Where(entry => (string)entry.Key != Variable).Select(entry => $"{entry.Key}={entry.Value}").ToList();
        Directory.SetCurrentDirectory(directory);
        SyscallException.Check(Libc.syscall(LaunchSyscalls.execve, memory.Text(path), memory.Texts(arguments), memory.Texts(environment)), "execve", path);
    }
}
