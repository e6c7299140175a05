using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>What happens to processes after their start: signals, freezing, limits, exit, removal.</summary>
internal sealed partial class ShimServer
{
    private const int MostRemovals = 200, SIGKILL = 9;

    private void Signal(SignalRequest request)
    {
        var process = Find(request.Id, request.ExecId);
        if (!process.Running) throw new KeyNotFoundException($"process of {request.ExecId ?? request.Id} is not running");
        // An exec leads a session of its own: what it has started goes with it. It is not reaped yet, so its number is still its own.
        if (request is { ExecId: not null, Signal: 9 }) _ = Libc.kill(-process.Pid, request.Signal);
        if (request.All && request.Signal == 9) KillAll(process);
        else if (request.All && process.Cgroup!.IsGroup) foreach (var pid in process.Cgroup!.Pids()) _ = Libc.kill(pid, request.Signal); // ESRCH: it ended by itself
        else if (Libc.syscall(SyscallNumber.pidfd_send_signal, process.PidFd!.Value, request.Signal) < 0 && Marshal.GetLastPInvokeError() is var errno and not Errno.ESRCH)
            throw new SyscallException("pidfd_send_signal", errno);
    }

    // Without a group the end of init is what ends the others: all of its PID namespace.
    private static void KillAll(Supervised process)
    {
        if (process.Cgroup!.IsGroup) process.Cgroup.KillAll();
        else Kill(process.PidFd!);
    }

    private static void Kill(Fd process) => _ = Libc.syscall(SyscallNumber.pidfd_send_signal, process.Value, SIGKILL); // ESRCH: it ended by itself

    private void Freeze(ShimConnection connection, long seq, FreezeRequest request)
    {
        var process = Find(request.Id, null);
        if (!process.Running) throw new InvalidOperationException($"container {request.Id} is not running");
        InBackground(connection, seq, () =>
        {
            if (request.Frozen) process.Cgroup!.Freeze(); else process.Cgroup!.Thaw();
            return new ShimResponse { Seq = seq };
        }, () => process.Paused = request.Frozen);
    }

    private void Update(ShimConnection connection, long seq, UpdateRequest request)
    {
        var process = Find(request.Id, null);
        if (!process.Running) throw new InvalidOperationException($"container {request.Id} is not running");
        InBackground(connection, seq, () =>
        {
            var warnings = new List<string>();
            process.Cgroup!.Update(request.Resources, warnings);
            return new ShimResponse { Seq = seq, Warnings = warnings.Count > 0 ? warnings : null };
        }, null);
    }

    /// <summary>Does what may block on another thread and answers on the loop.</summary>
    private void InBackground(ShimConnection connection, long seq, Func<ShimResponse> work, Action? then) => ThreadPool.UnsafeQueueUserWorkItem(_ =>
    {
        ShimResponse response;
        try { response = work(); }
        catch (Exception error) { response = Failure(seq, error); }
        _loop.Post(() =>
        {
            if (response.Error is null) then?.Invoke();
            connection.Respond(response);
        });
    }, null);

    private void OnExit(Supervised process)
    {
        if (ProcessExit.TryReap(process.PidFd!) is not { } code) return;
        _loop.Remove(process.PidFd!);
        process.PidFd!.Dispose();
        process.PidFd = null;
        process.ExitCode = code;
        process.ExitedAt = DateTimeOffset.UtcNow;
        if (process.ExecId is null)
        {
            _dns.Close(process.Id);
            EndContainer(process);
        }
        // The output is complete before anybody hears of the exit: logs right after wait miss nothing.
        process.Streams.Finish();
        if (process.ExecId is null) _records.Save(process.Record());
        Broadcast(process.ExitEvent());
        RunPoststop(process);
    }

    // The OOM killer may end a child of the container's init, or be what ended it: both are told when they happen.
    private void WatchOom(Supervised process)
    {
        if (process.Oom is null) return;
        _loop.Add(process.Oom.Fd, Poll.In, _ =>
        {
            process.Oom.Drain();
            if (!TellOom(process)) LookForOomAgain(process, TimeSpan.FromMilliseconds(1));
        });
        TellOom(process); // it may have happened before anybody looked
    }

    // v1 gives notice before it chooses whom to kill, and counts the kill after: on a busy machine the count comes late.
    private void LookForOomAgain(Supervised process, TimeSpan delay) => _loop.After(delay, () =>
    {
        if (process.Oom is null || TellOom(process) || delay > TimeSpan.FromSeconds(10)) return; // its end, told or not, is the last look
        LookForOomAgain(process, delay * 2);
    });

    private bool TellOom(Supervised process)
    {
        ulong kills = process.Cgroup!.OomKills;
        if (kills <= process.OomKills) return false;
        process.OomKills = kills;
        process.OomKilled = true;
        Broadcast(new ShimEvent { Type = "oom", Id = process.Id, At = DateTimeOffset.UtcNow });
        return true;
    }

    private void EndContainer(Supervised process)
    {
        if (process.Oom is { } watch)
        {
            _loop.Remove(watch.Fd);
            watch.Dispose();
            process.Oom = null;
        }
        TellOom(process);
        // In a PID namespace of its own all ended with init; one that shares the host's may have left processes.
        if (process.Cgroup!.Pids().Count > 0) process.Cgroup.KillAll();
        RemoveCgroup(process.Cgroup);
    }

    // A scope's end is asked of systemd, which may take its time.
    private void RemoveCgroup(Cgroup cgroup)
    {
        if (cgroup.Place.Unit is null) RemoveCgroup(cgroup, attempts: 0);
        else ThreadPool.UnsafeQueueUserWorkItem(_ =>
        {
            try { cgroup.TryDelete(); }
            catch (IOException error) { Console.Error.WriteLine($"cannot stop {cgroup.Place.Unit}: {error.Message}"); }
            _loop.Post(() => RemoveCgroup(cgroup, attempts: 1));
        }, null);
    }

    // A killed process leaves its group a moment after the signal; one that was just being launched comes in after the first kill.
    private void RemoveCgroup(Cgroup cgroup, int attempts)
    {
        if (cgroup.TryRemoveDirectories()) return;
        if (attempts is 10 or 50) cgroup.KillAll();
        if (attempts < MostRemovals) _loop.After(TimeSpan.FromMilliseconds(5 + attempts * 5), () => RemoveCgroup(cgroup, attempts + 1));
        else Console.Error.WriteLine($"cannot remove cgroup {cgroup.Path}: processes {string.Join(' ', cgroup.Pids())} do not end");
    }

    private void Delete(ShimConnection connection, long seq, DeleteRequest request)
    {
        var key = (request.Id, request.ExecId);
        if (_launching.Contains(key)) throw new InvalidOperationException($"container {request.Id} is starting");
        if (_processes.TryGetValue(key, out var process))
        {
            if (process.Running)
            {
                // Its exit is told as any other; the second Delete, after it, forgets it.
                if (request.ExecId is null) KillAll(process);
                else Signal(new SignalRequest { Id = request.Id, ExecId = request.ExecId, Signal = 9 });
            }
            else _processes.Remove(key);
        }
        if (request.ExecId is null && process is not { Running: true })
        {
            Forget(request.Id);
            foreach (var exec in _processes.Keys.Where(entry => entry.Id == request.Id).ToArray()) _processes.Remove(exec);
        }
        if (process is not { Running: true } && _waiting.Remove(key, out var waiting))
            foreach (var (client, _) in waiting) client.CloseWhenSent();
        if (request.ExecId is null && process is { Running: false, Runtime: { } runtime })
        {
            // Before the answer: the next start makes a container of the same name there.
            InBackground(connection, seq, () =>
            {
                Launcher.ForgetForeign(runtime, request.Id);
                return new ShimResponse { Seq = seq };
            }, () => _records.Remove(request.Id));
            return;
        }
        if (request.ExecId is null && process is not { Running: true }) _records.Remove(request.Id);
        connection.Respond(new ShimResponse { Seq = seq });
    }
}
