using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Runtime.Shim;
using Wharf.Specs.Runtime;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>
/// containerd's logging binary (its runtime v2 README, "Logging"): a program that reads a container's stdout from descriptor 3 and its stderr
/// from descriptor 4, and closes 5 when it is ready. One is started for each run. One that ends early takes no container along: what it can
/// no longer take is counted as lost.
/// </summary>
internal sealed class ProgramSender(LogTarget target) : ILogSender
{
    private const int FirstOwn = 3, AboveOwn = 6, SIGTERM = 15, SIGKILL = 9, ReadyPatience = 10_000, EndPatience = 10_000, Look = 500, DeathDelay = 2;

    private readonly IReadOnlyList<string> _line = target.Program!;
    private readonly Fd?[] _pipes = new Fd?[2];
    private Fd? _process;
    private long _lost;
    private bool _broken;
    private volatile bool _ending;

    public long Lost => Interlocked.Read(ref _lost);

    public void Connect()
    {
        var (ready, childReady) = Io.Pipe();
        using (ready)
        {
            using (childReady)
            {
                var (childOut, childError) = (Pipe(0), Pipe(1));
                using (childOut)
                using (childError)
                    _process = Start([childOut, childError, childReady]);
            }
            if (!FdPoll.Readable(ready, ReadyPatience))
            {
                Signal(_process, SIGKILL);
                throw new IOException($"{_line[0]} is not ready after {ReadyPatience / 1000} seconds");
            }
        }
        // Its death closes the descriptor as well, a moment before it can be seen.
        if (!FdPoll.Readable(_process, DeathDelay)) return;
        using var ended = _process;
        _process = null;
        throw new IOException($"{_line[0]} ended with code {ProcessExit.Wait(ended)} before it was ready");
    }

    public void Send(LogLine line)
    {
        if (_broken)
        {
            Interlocked.Increment(ref _lost);
            return;
        }
        // The bytes as they were: a part that others follow, or that the process left unfinished, has no line end.
        byte[] data = line.Part is null or { Last: true } ? [.. line.Text, (byte)'\n'] : line.Text;
        if (Write(_pipes[line.Stream]!, data) is not { } problem) return;
        Interlocked.Increment(ref _lost);
        _broken = true;
        ClosePipes();
        throw new IOException($"{_line[0]} {problem}: from here on the log is lost to it");
    }

    public void Ending() => _ending = true;

    public void Dispose()
    {
        ClosePipes();
        if (_process is not { } process) return;
        _process = null;
        // It may have work to do after the last line: nobody waits for that.
        ThreadPool.UnsafeQueueUserWorkItem(_ => End(process), null);
    }

    /// <summary>Why it could not all be written, or null. Waits for a slow reader; once the container has ended, only for one that goes on reading.</summary>
    private string? Write(Fd pipe, ReadOnlySpan<byte> data)
    {
        long progress = Environment.TickCount64;
        while (data.Length > 0)
        {
            int count = Io.Write(pipe, data, socket: false);
            if (count == Io.Ended) return "has ended or reads no more";
            if (count != Io.WouldBlock)
            {
                data = data[count..];
                progress = Environment.TickCount64;
                continue;
            }
            if (_ending && Environment.TickCount64 - progress > EndPatience) return "does not read what is left";
            Span<PollEntry> entry = [new PollEntry(pipe.Value, FdPoll.POLLOUT)];
            FdPoll.Wait(entry, Look);
        }
        return null;
    }

    private Fd Pipe(int stream)
    {
        var (reader, writer) = Io.Pipe();
        Io.SetNonBlocking(writer);
        _pipes[stream] = writer;
        return reader;
    }

    private Fd Start(ReadOnlySpan<Fd> files)
    {
        using var nothing = OpenAt.Open("/dev/null", O.RDWR);
        using var program = new LaunchProgram();
        ProcessSteps.ResetSignals(program);
        program.Add("setsid", LaunchSyscalls.setsid);
        int streams = program.Keep(Io.Duplicate(nothing, AboveOwn));
        ProcessSteps.Streams(program, streams, streams, streams, terminal: false);
        for (int i = 0; i < files.Length; i++) program.Add("dup", LaunchSyscalls.dup3, program.Keep(Io.Duplicate(files[i], AboveOwn)), FirstOwn + i, 0);
        program.Add("close descriptors", SyscallNumber.close_range, AboveOwn, unchecked((nint)uint.MaxValue), 0);
        ProcessSteps.Execute(program, new Process { Args = [.. _line], Env = [$"CONTAINER_ID={target.Source!.ContainerId}", "CONTAINER_NAMESPACE=wharf"] }, _line[0]);
        try { return Launcher.RunProgram(program, Launcher.CLONE_VM, _line[0]).PidFd; }
        catch (LaunchException error) { throw new IOException($"cannot start {_line[0]}: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(error.Errno)}", error); }
    }

    private void End(Fd process)
    {
        using (process)
        {
            foreach (int signal in (ReadOnlySpan<int>)[SIGTERM, SIGKILL])
            {
                if (FdPoll.Readable(process, EndPatience)) break;
                Console.Error.WriteLine($"{target.Source!.ContainerId}: {_line[0]} does not end: signal {signal}");
                Signal(process, signal);
            }
            if (ProcessExit.Wait(process) is not 0 and var code) Console.Error.WriteLine($"{target.Source!.ContainerId}: {_line[0]} ended with code {code}");
        }
    }

    private static void Signal(Fd process, int signal) => _ = Libc.syscall(SyscallNumber.pidfd_send_signal, process.Value, signal); // ESRCH: it has ended

    private void ClosePipes()
    {
        for (int stream = 0; stream < 2; stream++)
        {
            _pipes[stream]?.Dispose();
            _pipes[stream] = null;
        }
    }
}
