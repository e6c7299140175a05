using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Containers;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Debugging;

/// <summary>What a container that a build's client opens is made of.</summary>
public sealed record BuildContainerSetup
{
    /// <summary>The layers of its root; null for an empty one.</summary>
    public required Digest? Root { get; init; }
    public IReadOnlyList<StepMount> Mounts { get; init; } = [];
    /// <summary>The script of a step whose here-document names its own interpreter.</summary>
    public Heredoc? Script { get; init; }
    /// <summary><c>default</c>, <c>none</c> or <c>host</c>: the caller has seen to it that the client may have that.</summary>
    public required string Network { get; init; }
    /// <summary>As <c>name:address</c>.</summary>
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];
    /// <summary>Empty for the one of all steps.</summary>
    public string Hostname { get; init; } = "";
}

/// <summary>A process of such a container.</summary>
public sealed record BuildProcessSetup
{
    public required IReadOnlyList<string> Command { get; init; }
    public required IReadOnlyList<string> Environment { get; init; }
    public required string User { get; init; }
    public required string Directory { get; init; }
    public bool Terminal { get; init; }
    public bool Stdin { get; init; }
    /// <summary>Runs privileged: the caller has seen to it that the client may.</summary>
    public bool Insecure { get; init; }
}

/// <summary>
/// A container in which a build's client runs processes by hand, over what a step left. The first process is the container's own, and it ends with that one; the
/// others join it. Nothing of it is kept.
/// </summary>
public sealed class BuildContainer : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly BuildParts _parts;
    private readonly BuildContainerSetup _setup;
    private StepMounts? _mounts;
    private string? _id;
    private bool _released;

    internal BuildContainer(BuildParts parts, BuildContainerSetup setup) => (_parts, _setup) = (parts, setup);

    /// <summary>Starts a process; a <see cref="ShimException"/> tells why it cannot be. The caller owns what it gets.</summary>
    public async Task<BuildProcess> StartAsync(BuildProcessSetup process, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_released) throw WharfException.Conflict("the container is released");
            return _id is null ? await RunAsync(process, cancellation) : await JoinAsync(_id, process, cancellation);
        }
        finally { _gate.Release(); }
    }

    private async Task<BuildProcess> RunAsync(BuildProcessSetup process, CancellationToken cancellation)
    {
        var containers = _parts.Containers;
        _mounts = await StepMounts.PrepareAsync(_parts, _setup.Mounts, process.Directory, _setup.Script, cancellation);
        var run = _parts.Request.RunConfig;
        _id = await containers.CreateStepAsync(new StepContainer
        {
            ChainId = _setup.Root, Command = process.Command, Environment = process.Environment, SecretEnvironment = _mounts.Environment, User = process.User, Directory = process.Directory, Mounts = _mounts.Mounts,
            HostConfig = run with { NetworkMode = _setup.Network, Privileged = process.Insecure ? true : null, ExtraHosts = [.. run.ExtraHosts ?? [], .. _setup.ExtraHosts] },
            Hostname = _setup.Hostname, Terminal = process.Terminal, Stdin = process.Stdin,
        }, cancellation);
        var id = _id;
        var streams = await containers.AttachAsync(id, process.Stdin, stdout: true, stderr: true, cancellation);
        try { await containers.StartAsync(id, cancellation); }
        catch
        {
            await streams.DisposeAsync();
            throw;
        }
        return new BuildProcess(streams, process.Terminal)
        {
            Ended = ExitCodeAsync(id), Resize = (rows, columns) => containers.ResizeAsync(id, rows, columns, CancellationToken.None), Signal = name => containers.KillAsync(id, name, CancellationToken.None),
        };
    }

    private async Task<int> ExitCodeAsync(string id) =>
        (int)((await _parts.Containers.WaitAsync(id, WaitCondition.NotRunning, CancellationToken.None)).StatusCode ?? throw new InvalidOperationException("an ended container has no exit code"));

    private async Task<BuildProcess> JoinAsync(string id, BuildProcessSetup process, CancellationToken cancellation)
    {
        var containers = _parts.Containers;
        var exec = await containers.CreateExecAsync(id, new ExecConfig
        {
            Cmd = [.. process.Command], Env = [.. process.Environment], User = process.User, WorkingDir = process.Directory, Tty = process.Terminal, Privileged = process.Insecure,
            AttachStdin = process.Stdin, AttachStdout = true, AttachStderr = true,
        }, cancellation);
        containers.BeginExec(exec);
        var streams = (await containers.StartExecAsync(exec, attach: true, null, cancellation))!;
        return new BuildProcess(streams, process.Terminal)
        {
            Ended = containers.WaitExecAsync(exec, CancellationToken.None), Resize = (rows, columns) => containers.ResizeExecAsync(exec, rows, columns, CancellationToken.None), Signal = name => containers.SignalExecAsync(exec, name, CancellationToken.None),
        };
    }

    /// <summary>Ends what runs in it and removes it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_released) return;
            _released = true;
            if (_id is not null) await _parts.Containers.RemoveAsync(_id, force: true, volumes: true, CancellationToken.None);
            _mounts?.Dispose();
            BuildService.RemoveContext(_parts.RunDirectory);
            BuildService.RemoveContext(_parts.FetchDirectory);
        }
        finally { _gate.Release(); }
    }
}
