using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Runtime.Logs;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>Starting containers and execs.</summary>
internal sealed partial class ShimServer
{
    private void Start(ShimConnection connection, long seq, StartRequest request)
    {
        var key = (request.Id, (string?)null);
        if (_launching.Contains(key) || (_processes.TryGetValue(key, out var old) && old.ExitedAt is null)) throw new InvalidOperationException($"container {request.Id} is running");
        bool terminal = request.Spec.Process?.Terminal == true;
        var streams = TakeStreams(request);
        var log = LogDrivers.Open(request.Log);
        var process = new Supervised
        {
            Id = request.Id, Streams = new ProcessStreams(_loop, _buffer, terminal, request.StdinOnce, log), Linux = request.Spec.Linux, Capabilities = request.Spec.Process?.Capabilities, Log = log, Hooks = request.Spec.Hooks, Annotations = request.Spec.Annotations,
            Runtime = request.Runtime is [var program, .. var arguments] ? new ForeignRuntime(program, arguments, Path.Combine(_root, "runtime")) : null,
        };
        var pipes = new LaunchPipes(terminal, request.OpenStdin, streams);
        Launch(connection, seq, process, pipes, log, () =>
        {
            ConnectLog(log);
            OpenNameServer(request);
            var layout = _launcher.Layout with { UseSystemd = request.SystemdCgroup };
            var place = Cgroup.PlaceOrNone(layout, CgroupPlace.Resolve(layout, request.Spec.Linux?.CgroupsPath, request.Id));
            // Written down before anything is made: a shim that dies in the middle of a launch leaves what the next one can find.
            _records.Save(new ShimRecord { Id = request.Id, Cgroup = place, Runtime = process.Runtime });
            var launch = new LaunchRequest
            {
                ContainerId = request.Id, Spec = request.Spec, Rootfs = request.Rootfs, InitPath = request.InitPath, Cgroup = place,
                Stdin = pipes.ChildStdin, Stdout = pipes.ChildStdout, Stderr = pipes.ChildStderr,
            };
            var launched = process.Runtime is { } runtime ? _launcher.LaunchForeign(launch, runtime) : _launcher.Launch(launch);
            process.Oom = launched.Cgroup.WatchOom();
            _records.Save(new ShimRecord { Id = request.Id, Pid = launched.Pid, Cgroup = place, StartedAt = launched.StartedAt, Runtime = process.Runtime });
            RunPoststart(process, launched.Pid);
            return launched;
        });
    }

    private void Exec(ShimConnection connection, long seq, ExecRequest request)
    {
        var container = Find(request.Id, null);
        if (!container.Running) throw new InvalidOperationException($"container {request.Id} is not running");
        bool terminal = request.Process.Terminal == true;
        var process = new Supervised { Id = request.Id, ExecId = request.ExecId, Note = request.Note, Streams = new ProcessStreams(_loop, _buffer, terminal, stdinOnce: true, log: null) };
        var pipes = new LaunchPipes(terminal, request.OpenStdin);
        var init = Io.Duplicate(container.PidFd!); // the loop closes its own when the container ends meanwhile
        Launch(connection, seq, process, pipes, null, () =>
        {
            using (init)
                return _launcher.Exec(new ExecLaunch
                {
                    ContainerId = request.Id, InitPid = container.Pid, InitPidFd = init, Process = request.Process, Linux = container.Linux, OfContainer = container.Capabilities, Cgroup = container.Cgroup!,
                    Stdin = pipes.ChildStdin, Stdout = pipes.ChildStdout, Stderr = pipes.ChildStderr,
                });
        });
    }

    private static void ConnectLog(ContainerLog? log)
    {
        try { log?.Connect(); }
        catch (IOException error) { throw new LaunchException($"failed to create task for container: failed to initialize logging driver: {error.Message}", "log", 0, 128, error); }
    }

    private void Launch(ShimConnection connection, long seq, Supervised process, LaunchPipes pipes, ContainerLog? log, Func<Launched> launch)
    {
        var key = (process.Id, process.ExecId);
        _launching.Add(key);
        ThreadPool.UnsafeQueueUserWorkItem(_ =>
        {
            try
            {
                var launched = launch();
                _loop.Post(() => OnLaunched(connection, seq, process, pipes, launched));
            }
            catch (Exception error)
            {
                _loop.Post(() => OnLaunchFailed(connection, seq, process, pipes, log, error));
            }
        }, null);
    }

    private void OnLaunched(ShimConnection connection, long seq, Supervised process, LaunchPipes pipes, Launched launched)
    {
        var key = (process.Id, process.ExecId);
        _launching.Remove(key);
        process.PidFd = launched.PidFd;
        process.Pid = launched.Pid;
        process.StartedAt = launched.StartedAt;
        process.Cgroup = launched.Cgroup;
        _processes[key] = process;
        if (_waiting.Remove(key, out var waiting))
            foreach (var (client, request) in waiting) process.Streams.Attach(client, request.Stdin, request.Stdout, request.Stderr);
        pipes.CloseChildEnds();
        process.Streams.OnLogFailure = message => Console.Error.WriteLine($"{process.Id}: cannot write log: {message}");
        process.Streams.Open(pipes.Stdin, pipes.Stdout, pipes.Stderr, launched.TerminalMaster);
        connection.Respond(new ShimResponse { Seq = seq, Pid = launched.Pid, StartedAt = launched.StartedAt, Warnings = launched.Warnings.Count > 0 ? [.. launched.Warnings] : null });
        WatchOom(process);
        _loop.Add(launched.PidFd, Poll.In, _ => OnExit(process));
    }

    private void OnLaunchFailed(ShimConnection connection, long seq, Supervised process, LaunchPipes pipes, ContainerLog? log, Exception error)
    {
        var key = (process.Id, process.ExecId);
        _launching.Remove(key);
        if (process.ExecId is null) _dns.Close(process.Id);
        pipes.CloseAll();
        log?.Dispose();
        if (process.ExecId is null) _records.Remove(process.Id);
        connection.Respond(Failure(seq, error));
        if (!_waiting.Remove(key, out var waiting)) return;
        foreach (var (client, _) in waiting) client.CloseWhenSent();
    }

    private void Attach(ShimConnection connection, long seq, AttachRequest request)
    {
        var key = (request.Id, request.ExecId);
        connection.Respond(new ShimResponse { Seq = seq });
        if (_processes.TryGetValue(key, out var process) && process.Running)
        {
            process.Streams.Attach(connection, request.Stdin, request.Stdout, request.Stderr);
            return;
        }
        // Not started yet: kept, with what the client may send meanwhile, until the process is there.
        if (!_waiting.TryGetValue(key, out var waiting)) _waiting[key] = waiting = [];
        waiting.Add((connection, request));
        connection.BecomeStream();
        connection.PauseInput(true);
        connection.OnClosed = () =>
        {
            if (_waiting.TryGetValue(key, out var list) && list.RemoveAll(entry => entry.Connection == connection) > 0 && list.Count == 0) _waiting.Remove(key);
        };
    }
}

/// <summary>The pipes of a launch: the child's ends to give away, the shim's to keep.</summary>
internal sealed class LaunchPipes
{
    private readonly List<Fd> _childEnds = [];

    /// <param name="outputs">Standard output and error that are there already, in place of pipes.</param>
    public LaunchPipes(bool terminal, bool openStdin, IReadOnlyList<Fd>? outputs = null)
    {
        _childEnds.AddRange(outputs ?? []);
        if (terminal) return;
        Fd childIn;
        if (openStdin) (childIn, Stdin) = Io.Pipe();
        else childIn = Io.AboveStreams(OpenAt.Open("/dev/null", O.RDONLY).Release());
        _childEnds.Insert(0, childIn);
        if (outputs is not null) return;
        (Stdout, var childOut) = Io.Pipe();
        (Stderr, var childError) = Io.Pipe();
        _childEnds.AddRange([childOut, childError]);
    }

    public Fd? Stdin { get; }
    public Fd? Stdout { get; }
    public Fd? Stderr { get; }
    public int ChildStdin => _childEnds.Count > 0 ? _childEnds[0].Value : -1;
    public int ChildStdout => _childEnds.Count > 0 ? _childEnds[1].Value : -1;
    public int ChildStderr => _childEnds.Count > 0 ? _childEnds[2].Value : -1;

    public void CloseChildEnds()
    {
        foreach (var end in _childEnds) end.Dispose();
    }

    public void CloseAll()
    {
        CloseChildEnds();
        Stdin?.Dispose();
        Stdout?.Dispose();
        Stderr?.Dispose();
    }
}
