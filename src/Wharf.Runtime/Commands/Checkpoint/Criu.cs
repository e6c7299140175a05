using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Init;
using Wharf.Runtime.Protobuf;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>
/// The program that checkpoints and restores, one process a request: <c>criu swrk FD</c>, asked over a socket it inherits. On its way it
/// tells how far it is and waits for an answer (criu's "notifications").
/// </summary>
internal sealed class Criu(string path, RuntimeLog log)
{
    private const int LeastVersion = 30000, F_DUPFD_CLOEXEC = 1030, Above = 64;
    public const int FirstInherited = 4;

    /// <summary>Finds the program and asks it for its version.</summary>
    public static Criu Require(string name, RuntimeLog log)
    {
        var criu = new Criu(Find(name), log);
        var response = criu.Call(CriuRequest.Version, null);
        if (response.Version < LeastVersion) throw new RuntimeException($"criu version {response.Version} must be {LeastVersion} or higher");
        return criu;
    }

    /// <summary>Whether there is such a program.</summary>
    public static bool Exists(string name) => TryFind(name) is not null;

    private static string Find(string name) => TryFind(name)
        ?? throw new RuntimeException(name.Contains('/') ? $"criu is not installed: {name}: no such file or directory" : $"criu is not installed: \"{name}\": executable file not found in $PATH");

    private static string? TryFind(string name)
    {
        if (name.Contains('/')) return File.Exists(name) ? name : null;
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin").Split(':'))
            if (directory.Length > 0 && File.Exists(Path.Combine(directory, name))) return Path.Combine(directory, name);
        return null;
    }

    /// <summary>
    /// One request to its end. <paramref name="prepare"/> adds steps that criu's process takes before it begins; <paramref name="inherited"/>
    /// get the numbers from <see cref="FirstInherited"/> on in it.
    /// </summary>
    public CriuResponse Call(CriuRequest type, CriuOptions? options, Action<CriuResponse, Fd?>? notified = null, Action<LaunchProgram>? prepare = null, IReadOnlyList<Fd>? inherited = null, Action<int>? begun = null,
        Func<int, CriuOptions>? complete = null, bool features = false)
    {
        var (own, other) = FdSocket.MessagePair();
        using (own)
        {
            var (pid, pidfd) = Start(other, prepare, inherited ?? []);
            using (pidfd)
            {
                begun?.Invoke(pid);
                options = complete?.Invoke(pid) ?? options;
                try
                {
                    FdSocket.SendMessage(own, Request(type, options, features));
                    return Converse(own, type, options, notified);
                }
                finally
                {
                    own.Dispose(); // it ends with the connection
                    Launcher.Reap(pidfd);
                }
            }
        }
    }

    private (int Pid, Fd PidFd) Start(Fd socket, Action<LaunchProgram>? prepare, IReadOnlyList<Fd> inherited)
    {
        using var streams = new Inheritance(inherited.Count + 1);
        using var program = new LaunchProgram();
        ProcessSteps.ResetSignals(program);
        prepare?.Invoke(program);
        ProcessSteps.Streams(program, streams.Stdin, streams.Stdout, streams.Stderr, terminal: false);
        // By way of numbers above them all: none is overwritten before it was copied.
        using (socket)
        {
            program.Add("dup3", LaunchSyscalls.dup3, Copy(program, socket), FirstInherited - 1, 0);
            for (int i = 0; i < inherited.Count; i++) program.Add("dup3", LaunchSyscalls.dup3, Copy(program, inherited[i]), FirstInherited + i, 0);
            program.Add("close descriptors", SyscallNumber.close_range, FirstInherited + inherited.Count, unchecked((nint)uint.MaxValue), 0);
            var environment = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(pair => $"{pair.Key}={pair.Value}").ToList();
            ProcessSteps.Execute(program, new Process { Args = [path, "swrk", $"{FirstInherited - 1}"], Env = environment }, path);
            log.Debug($"Using CRIU with {path} swrk");
            return Launcher.RunProgram(program, Launcher.CLONE_VM, path);
        }
    }

    private static int Copy(LaunchProgram program, Fd file) => program.Keep(new Fd(SyscallException.Check(Libc.fcntl(file.Value, F_DUPFD_CLOEXEC, Above), "fcntl F_DUPFD_CLOEXEC")));

    private static byte[] Request(CriuRequest type, CriuOptions? options, bool features)
    {
        var request = new ProtoWriter();
        request.Number(1, (int)type);
        if (options is not null) request.Message(2, options.Write);
        if (features)
            request.Message(5, wanted =>
            {
                wanted.Number(1, 1);
                wanted.Number(2, 1);
            });
        return request.ToArray();
    }

    private static byte[] Notified()
    {
        var answer = new ProtoWriter();
        answer.Number(1, (int)CriuRequest.Notify);
        answer.Number(3, 1);
        return answer.ToArray();
    }

    private CriuResponse Converse(Fd connection, CriuRequest type, CriuOptions? options, Action<CriuResponse, Fd?>? notified)
    {
        while (FdSocket.ReceiveMessage(connection, out var file) is { } message)
        {
            using (file)
            {
                var response = CriuResponse.Read(message);
                if (!response.Success) throw Failure(response, options);
                if (response.Type != CriuRequest.Notify) return response;
                log.Debug($"notify: {response.Script}");
                notified?.Invoke(response, file);
                FdSocket.SendMessage(connection, Notified());
            }
        }
        throw new RuntimeException($"criu failed: it ended without an answer to {NameOf(type)}{LogOf(options)}");
    }

    private static RuntimeException Failure(CriuResponse response, CriuOptions? options) =>
        new($"criu failed: type {NameOf(response.Type)} errno {response.Errno}{LogOf(options)}");

    private static string LogOf(CriuOptions? options)
    {
        if (options is null) return "";
        var directory = new FileInfo($"/proc/self/fd/{options.WorkDirectory ?? options.ImagesDirectory}").LinkTarget;
        return $"\nlog file: {directory}/{options.LogFile}";
    }

    private static string NameOf(CriuRequest type) => type switch
    {
        CriuRequest.PreDump => "PRE_DUMP",
        CriuRequest.FeatureCheck => "FEATURE_CHECK",
        _ => type.ToString().ToUpperInvariant(),
    };
}
