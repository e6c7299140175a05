using System.Net.Sockets;
using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.NameServer;
using Wharf.Runtime.Init;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>
/// The shim: serves the engine's requests and looks after all processes. Everything here runs on the event loop but launches, which
/// block and have threads of their own.
/// </summary>
internal sealed partial class ShimServer
{
    private readonly EventLoop _loop = new();
    private readonly byte[] _buffer = new byte[8 + ProcessStreams.ReadSize];
    private readonly Dictionary<(string Id, string? ExecId), Supervised> _processes = [];
    private readonly Dictionary<(string Id, string? ExecId), List<(ShimConnection Connection, AttachRequest Request)>> _waiting = [];
    private readonly HashSet<(string Id, string? ExecId)> _launching = [];
    private readonly List<ShimConnection> _subscribers = [];
    private readonly string _root;
    private readonly ShimRecords _records;
    private readonly Launcher _launcher;
    private readonly Socket _listener;
    private readonly Fd _listenerFd;
    private readonly DnsService _dns;

    public ShimServer(string root, Socket listener)
    {
        var mountPoint = Path.Combine(root, "rootfs");
        Directory.CreateDirectory(mountPoint);
        _root = root;
        _records = new ShimRecords(root);
        _dns = new DnsService(_loop);
        _loop.Idle = static () => Linux.Memory.ResidentMemory.Release();
        _launcher = new Launcher(CgroupLayout.Detect(), mountPoint);
        _listener = listener;
        listener.Blocking = false;
        _listenerFd = Io.AboveStreams((int)listener.Handle);
        foreach (var record in _records.Load()) TakeUp(record);
        _loop.Add(_listenerFd, Poll.In, _ => AcceptAll());
    }

    public void Run() => _loop.Run();

    private const string Orphaned = "the process that looked after the container (wharf-runtime shim) was killed: the container was ended";

    // A former shim died and its containers lost their supervisor: their output and terminals are gone. They are ended and told as dead.
    private void TakeUp(ShimRecord record)
    {
        var cgroup = Cgroup.Open(_launcher.Layout, record.Cgroup);
        if (cgroup.IsGroup) cgroup.KillAll();
        else if (OrphanedInit.Find(record) is { } init) using (init) Kill(init);
        RemoveCgroup(cgroup);
        if (record.Pid == 0)
        {
            // It was being launched: nobody was ever told that it ran.
            if (record.Runtime is { } runtime) Launcher.ForgetForeign(runtime, record.Id);
            _records.Remove(record.Id);
            return;
        }
        if (record.ExitedAt is null)
        {
            record.ExitedAt = DateTimeOffset.UtcNow;
            record.ExitCode = 137;
            record.Error = Orphaned;
            _records.Save(record);
        }
        _processes[(record.Id, null)] = new Supervised
        {
            Id = record.Id, Streams = new ProcessStreams(_loop, _buffer, false, false, null), Cgroup = cgroup, Pid = record.Pid, StartedAt = record.StartedAt,
            ExitedAt = record.ExitedAt, ExitCode = record.ExitCode, OomKilled = record.OomKilled, Error = record.Error, Runtime = record.Runtime,
        };
    }

    private void AcceptAll()
    {
        while (Io.Accept(_listenerFd.Value) is { } socket)
        {
            var connection = new ShimConnection(_loop, socket, OnRequest);
            connection.Open();
        }
    }

    private void OnRequest(ShimConnection connection, ShimRequest request)
    {
        try
        {
            Dispatch(connection, request);
        }
        catch (Exception error)
        {
            connection.Respond(Failure(request.Seq, error));
        }
    }

    private void Dispatch(ShimConnection connection, ShimRequest request)
    {
        long seq = request.Seq;
        if (request.Start is { } start) Start(connection, seq, start);
        else if (request.Exec is { } exec) Exec(connection, seq, exec);
        else if (request.Attach is { } attach) Attach(connection, seq, attach);
        else if (request.Signal is { } signal) { Signal(signal); connection.Respond(new ShimResponse { Seq = seq }); }
        else if (request.Resize is { } resize) { Find(resize.Id, resize.ExecId).Streams.Resize(resize.Height, resize.Width); connection.Respond(new ShimResponse { Seq = seq }); }
        else if (request.Freeze is { } freeze) Freeze(connection, seq, freeze);
        else if (request.Update is { } update) Update(connection, seq, update);
        else if (request.Delete is { } delete) Delete(connection, seq, delete);
        else if (request.List is not null) connection.Respond(new ShimResponse { Seq = seq, Containers = [.. _processes.Values.Where(process => process.Pid > 0).Select(process => process.Describe())] });
        else if (request.Dns is { } names) SetNames(connection, seq, names);
        else if (request.HandOver is { } handOver) HandOver(connection, seq, handOver);
        else if (request.Subscribe is not null) Subscribe(connection, seq);
        else if (request.Shutdown is not null) Shutdown(connection, seq);
        else throw new InvalidOperationException("the request asks for nothing");
    }

    private static ShimResponse Failure(long seq, Exception error) => new()
    {
        Seq = seq,
        Error = error is LaunchException launch
            ? new ShimError { Message = launch.Message, Step = launch.Step, Errno = launch.Errno, ExitCode = launch.ExitCode, Kind = "launch" }
            : new ShimError { Message = error.Message, Kind = error is KeyNotFoundException ? "not-found" : "failed", Errno = (error as Linux.Syscalls.SyscallException)?.Errno ?? (error as Cgroups.CgroupException)?.Errno },
    };

    private Supervised Find(string id, string? execId) => _processes.TryGetValue((id, execId), out var process) ? process
        : throw new KeyNotFoundException(execId is null ? $"no such container: {id}" : $"no such exec: {execId}");

    private void Subscribe(ShimConnection connection, long seq)
    {
        _subscribers.Add(connection);
        connection.OnClosed = () => _subscribers.Remove(connection);
        connection.Respond(new ShimResponse { Seq = seq });
        foreach (var process in _processes.Values.Where(process => process.ExitedAt is not null).OrderBy(process => process.ExitedAt)) connection.Notify(process.ExitEvent());
    }

    private void Shutdown(ShimConnection connection, long seq)
    {
        if (_processes.Values.Any(process => process.Running) || _launching.Count > 0) throw new InvalidOperationException("containers are running");
        connection.Respond(new ShimResponse { Seq = seq });
        connection.CloseWhenSent();
        _loop.Stop();
    }

    private void Broadcast(ShimEvent notice)
    {
        foreach (var connection in _subscribers.ToArray()) connection.Notify(notice);
    }
}
