using System.Collections.Concurrent;
using System.Text.Json;
using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>How many ended execs of a container can still be inspected.</summary>
    private const int KeptExecs = 64;
    private const int CannotStart = 126;

    private readonly ConcurrentDictionary<string, ExecInstance> _execs = new(StringComparer.Ordinal);

    /// <summary>Prepares a further process; gives its ID.</summary>
    public async Task<string> CreateExecAsync(string nameOrId, ExecConfig config, CancellationToken cancellation)
    {
        if (config.Cmd is not { Count: > 0 }) throw WharfException.Invalid("No exec command specified");
        var container = await SettledAsync(nameOrId, cancellation);
        RequireExecutable(container, nameOrId);
        foreach (var variable in config.Env ?? []) ConfigRules.CheckVariable(variable);
        _users.Of(container).Resolve(config.User is { Length: > 0 } own ? own : container.Config.User, container.HostConfig.GroupAdd);
        if (config.DetachKeys is { Length: > 0 } keys) DetachKeys.Parse(keys);
        var exec = new ExecInstance(ContainerNames.NewId(), container, config);
        ForgetOldExecs(container.Id);
        _execs[exec.Id] = exec;
        Publish(container, $"exec_create: {exec.CommandText}", ("execID", exec.Id));
        return exec.Id;
    }

    /// <summary>Whether an exec has a terminal, and its detach keys; NotFound <c>No such exec instance</c>.</summary>
    public (bool Terminal, string? DetachKeys) DescribeExec(string execId) => GetExec(execId).Config is var config ? (config.Tty ?? false, config.DetachKeys) : default;

    /// <summary>Takes an exec for its one start, before the client's connection is turned into a stream: it counts as running from here on.</summary>
    public void BeginExec(string execId)
    {
        var exec = GetExec(execId);
        lock (exec)
        {
            if (exec.ExitCode is not null) throw WharfException.Conflict($"exec command {execId} has already run");
            if (exec.Started) throw WharfException.Conflict($"exec command {execId} is already running");
            RequireExecutable(exec.Container, exec.Container.Id);
            exec.Started = exec.Running = true;
        }
    }

    /// <summary>An exec that was begun will not be started after all.</summary>
    public void AbandonExec(string execId) => EndExec(GetExec(execId), CannotStart);

    /// <summary>Runs an exec that was begun. Attached, gives its streams, which are complete from the first byte; the caller owns them.</summary>
    public async Task<AttachedStream?> StartExecAsync(string execId, bool attach, List<long>? consoleSize, CancellationToken cancellation)
    {
        var exec = GetExec(execId);
        var (container, config) = (exec.Container, exec.Config);
        AttachedStream? streams = null;
        try
        {
            await AppArmor.PrepareAsync(container.HostConfig);
            var user = _users.Of(container).Resolve(config.User is { Length: > 0 } own ? own : container.Config.User, container.HostConfig.GroupAdd);
            var process = SpecBuilder.BuildExec(container.Document, consoleSize is null ? config : config with { ConsoleSize = consoleSize }, user, container.Config.Hostname ?? "", LinkedEnvironment(container), _options.ContainerDefaults);
            if (!process.Cwd.StartsWith('/')) throw new ShimException(new ShimError { Message = "OCI runtime exec failed: exec failed: Cwd must be an absolute path", ExitCode = 128 });
            if (attach)
            {
                streams = await _shim.AttachAsync(new AttachRequest
                {
                    Id = container.Id, ExecId = exec.Id, Stdin = config.AttachStdin ?? false, Stdout = config.AttachStdout ?? false, Stderr = config.AttachStderr ?? false,
                }, cancellation);
            }
            Publish(container, $"exec_start: {exec.CommandText}", ("execID", exec.Id));
            var response = await LaunchAsync("OCI runtime exec failed: exec failed: unable to start container process: ", new ShimRequest
            {
                Exec = new ExecRequest { Id = container.Id, ExecId = exec.Id, Process = process, OpenStdin = attach && config.AttachStdin == true, Note = JsonSerializer.Serialize(config, DockerApiJson.Default.ExecConfig) },
            });
            exec.Pid = response.Pid ?? 0;
            return streams;
        }
        catch (Exception error)
        {
            if (streams is not null) await streams.DisposeAsync();
            EndExec(exec, error is ShimException { Error.ExitCode: { } code and not 0 } ? code : CannotStart);
            throw;
        }
    }

    /// <summary>Waits for an exec that was started to end, and gives its exit code.</summary>
    public Task<int> WaitExecAsync(string execId, CancellationToken cancellation) => GetExec(execId).Ended.Task.WaitAsync(cancellation);

    public async Task ResizeExecAsync(string execId, uint height, uint width, CancellationToken cancellation)
    {
        var exec = GetExec(execId);
        if (exec.Pid == 0) throw WharfException.Invalid("exec process is not started");
        if (!exec.Running) throw WharfException.NotFound($"NotFound: process does not exist {execId}: not found");
        await _shim.SendAsync(new ShimRequest { Resize = new ResizeRequest { Id = exec.Container.Id, ExecId = exec.Id, Height = height, Width = width } }, cancellation);
    }

    /// <summary>Sends an exec that runs a signal by name or number.</summary>
    public async Task SignalExecAsync(string execId, string signal, CancellationToken cancellation)
    {
        var exec = GetExec(execId);
        int number = ParseSignal(signal);
        if (!exec.Running) throw WharfException.Conflict($"exec {execId} is not running");
        await _shim.SendAsync(new ShimRequest { Signal = new SignalRequest { Id = exec.Container.Id, ExecId = exec.Id, Signal = number } }, cancellation);
    }

    public ExecInspectResponse InspectExec(string execId)
    {
        var exec = GetExec(execId);
        var config = exec.Config;
        return new ExecInspectResponse
        {
            ID = exec.Id, Running = exec.Running, ExitCode = exec.ExitCode, CanRemove = false, ContainerID = exec.Container.Id, Pid = exec.Pid,
            DetachKeys = config.DetachKeys is { Length: > 0 } keys ? Convert.ToBase64String(DetachKeys.Parse(keys)) : "", OpenStdin = config.AttachStdin ?? false, OpenStdout = config.AttachStdout ?? false, OpenStderr = config.AttachStderr ?? false,
            ProcessConfig = new ProcessConfig
            {
                Tty = config.Tty ?? false, Entrypoint = config.Cmd![0], Arguments = config.Cmd[1..], Privileged = config.Privileged ?? false,
                User = config.User is { Length: > 0 } user ? user : exec.Container.Config.User is { Length: > 0 } own ? own : null,
            },
        };
    }

    /// <summary>Takes over an exec that a former daemon started: what it was comes from the shim, and its end is told to this daemon.</summary>
    private void AdoptExec(ShimContainer found)
    {
        if (found.ExecId is not { } execId || _index.Find(found.Id) is not { } container || found.Note is not { } note) return;
        var config = JsonSerializer.Deserialize(note, DockerApiJson.Default.ExecConfig)!;
        var exec = new ExecInstance(execId, container, config) { Started = true, Running = found.State != "exited", Pid = found.Pid };
        _execs[execId] = exec;
        if (found.State == "exited") EndExec(exec, found.ExitCode);
    }

    private void OnExecExited(Container container, string execId, ShimEvent happened)
    {
        if (happened.Type == "exit" && _execs.TryGetValue(execId, out var exec)) EndExec(exec, happened.ExitCode);
        _ = _background.Run("exec cleanup", container.Id,
            () => _shim.SendAsync(new ShimRequest { Delete = new DeleteRequest { Id = container.Id, ExecId = execId } }, CancellationToken.None));
    }

    private void EndExec(ExecInstance exec, int exitCode)
    {
        exec.Running = false;
        exec.ExitCode = exitCode;
        if (!exec.Ended.TrySetResult(exitCode)) return;
        Publish(exec.Container, "exec_die", ("execID", exec.Id), ("exitCode", Number(exitCode)));
    }

    private ExecInstance GetExec(string execId) => _execs.TryGetValue(execId, out var exec) ? exec : throw WharfException.NotFound($"No such exec instance: {execId}");

    private static void RequireExecutable(Container container, string nameOrId)
    {
        switch (container.State.Status)
        {
            case ContainerStatus.Running: return;
            case ContainerStatus.Paused: throw WharfException.Conflict($"Container {nameOrId} is paused, unpause the container before exec");
            case ContainerStatus.Restarting: throw WharfException.Conflict($"Container {container.Id} is restarting, wait until the container is running");
            default: throw NotRunning(container);
        }
    }

    private List<string>? RunningExecs(string containerId)
    {
        List<string>? ids = null;
        foreach (var exec in _execs.Values)
            if (exec.Container.Id == containerId && (exec.Running || !exec.Started)) (ids ??= []).Add(exec.Id);
        return ids;
    }

    private void ForgetOldExecs(string containerId)
    {
        if (_execs.Count < KeptExecs) return;
        var ended = _execs.Values.Where(exec => exec.Container.Id == containerId && exec.ExitCode is not null).OrderByDescending(exec => exec.Created).Skip(KeptExecs);
        foreach (var exec in ended) _execs.TryRemove(exec.Id, out _);
    }

    /// <summary>The container has ended: what was to be started in it never will be.</summary>
    private void ForgetUnstartedExecs(string containerId)
    {
        foreach (var exec in _execs.Values)
            if (exec.Container.Id == containerId && !exec.Started) _execs.TryRemove(exec.Id, out _);
    }

    private void ForgetExecs(string containerId)
    {
        foreach (var exec in _execs.Values)
            if (exec.Container.Id == containerId) _execs.TryRemove(exec.Id, out _);
    }
}
