using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Runs hooks (config.md, "POSIX-platform Hooks"): the state on their standard input, in the host's namespaces or the container's.</summary>
internal static unsafe class HookRunner
{
    private const int MFD_CLOEXEC = 1, MostOutput = 64 << 10;

    /// <summary>In the host's namespaces, from whatever thread.</summary>
    public static void Run(string stage, IReadOnlyList<Hook>? hooks, State state)
    {
        for (int i = 0; i < (hooks?.Count ?? 0); i++) RunOne(stage, i, hooks![i], state, AddHostNamespaces);
    }

    /// <summary>The same, but all of them run: one that fails is told (runtime.md, "Lifecycle").</summary>
    public static void RunAll(string stage, IReadOnlyList<Hook>? hooks, State state, Action<string> warn)
    {
        foreach (var hook in hooks ?? [])
        {
            try { Run(stage, [hook], state); }
            catch (Exception error) when (error is LaunchException or IOException) { warn(error.Message); }
        }
    }

    /// <summary>In the namespaces of a process; with its identity when it is given, as a program of the container's must be run.</summary>
    public static void RunIn(Fd pidfd, LinuxSpec linux, Process? process, string stage, IReadOnlyList<Hook>? hooks, State state)
    {
        if (hooks is not { Count: > 0 }) return;
        Launcher.OnOwnThread(() =>
        {
            // Only children of this thread enter the PID namespace; the thread itself ends with the hooks.
            if (linux.Namespaces?.Any(ns => ns.Type == "pid") == true) SyscallException.Check(Libc.setns(pidfd.Value, Launcher.CLONE_NEWPID), "setns pid");
            for (int i = 0; i < hooks.Count; i++)
                RunOne(stage, i, hooks[i], state, program => program.Add("join namespaces", LaunchSyscalls.setns, pidfd.Value, Launcher.JoinFlags(linux) | Launcher.CLONE_NEWNS), process, linux);
            return true;
        });
    }

    // The thread that launches has left the host's namespaces; the process's first thread has not.
    private static void AddHostNamespaces(LaunchProgram program)
    {
        foreach (var name in (ReadOnlySpan<string>)["mnt", "net", "ipc", "uts", "cgroup"])
            program.Add("join the host's " + name, LaunchSyscalls.setns, program.Keep(OpenAt.Open("/proc/self/ns/" + name, O.RDONLY)), 0);
    }

    private static void RunOne(string stage, int index, Hook hook, State state, Action<LaunchProgram> enter, Process? process = null, LinuxSpec? linux = null)
    {
        string Describe(string what) => $"error running {stage} hook #{index}: {what}";
        using var input = Memory("state");
        using var output = Memory("output");
        using var errors = Memory("errors");
        FileAt.WriteAllAt(input.Value, JsonSerializer.SerializeToUtf8Bytes(state, RuntimeJson.Default.State), 0);
        using var program = new LaunchProgram();
        ProcessSteps.ResetSignals(program);
        enter(program);
        ProcessSteps.Streams(program, input.Value, output.Value, errors.Value, terminal: false);
        IReadOnlyList<string> args = hook.Args is { Count: > 0 } ? hook.Args : [hook.Path];
        if (process is not null) ProcessSteps.Become(program, process with { Args = [.. args], Cwd = "/" }, null, 3, userNamespace: !IdMaps.Of(linux).IsHost, [], out _);
        else program.Add("close descriptors", SyscallNumber.close_range, 3, unchecked((nint)uint.MaxValue), 0);
        ProcessSteps.Execute(program, new Process { Args = [.. args], Env = hook.Env }, hook.Path);
        Fd pidfd;
        try { (_, pidfd) = Launcher.RunProgram(program, Launcher.CLONE_VM, hook.Path); }
        catch (LaunchException error)
        {
            throw new LaunchException(Describe(error.Errno == 0 ? error.Message : $"fork/exec {hook.Path}: {Marshal.GetPInvokeErrorMessage(error.Errno).ToLowerInvariant()}"), stage, error.Errno, 125, error);
        }
        using (pidfd)
        {
            if (Expired(pidfd, hook.Timeout))
            {
                _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
                Launcher.Reap(pidfd);
                throw new LaunchException(Describe($"hook ran past specified timeout of {hook.Timeout!.Value}.0s"), stage, 0, 125);
            }
            int code = ProcessExit.Wait(pidfd);
            if (code == 0) return;
            var how = code > 128 ? $"signal: {code - 128}" : $"exit status {code}";
            throw new LaunchException(Describe($"{how}, stdout: {Text(output)}, stderr: {Text(errors)}"), stage, 0, 125);
        }
    }

    private static bool Expired(Fd pidfd, int? seconds) => seconds is > 0 && !FdPoll.Readable(pidfd, seconds.Value * 1000);

    private static Fd Memory(string name)
    {
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
            return new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.memfd_create, (nint)text, MFD_CLOEXEC), "memfd_create"));
    }

    private static string Text(Fd file)
    {
        var buffer = new byte[MostOutput];
        return Encoding.UTF8.GetString(buffer, 0, FileAt.ReadAt(file.Value, buffer, 0)).TrimEnd('\n');
    }
}
