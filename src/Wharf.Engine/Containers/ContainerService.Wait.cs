using Wharf.Engine.Containers.Config;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Waits for the next exit, removal, or that it is not running; gives the exit code.</summary>
    public async Task<ContainerWaitResponse> WaitAsync(string nameOrId, WaitCondition condition, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        // Registered before the state is looked at: an exit in between must not be missed.
        var next = container.NextAsync(condition == WaitCondition.Removed, over.Token);
        // One that is being started is waited for.
        if (condition == WaitCondition.NotRunning && !container.State.IsUp) await SettleAsync(container, cancellation);
        var state = container.State;
        // Nobody is told any more of a removal that came first.
        bool removed = !ReferenceEquals(_index.Find(container.Id), container);
        if (!removed && (condition != WaitCondition.NotRunning || state.IsUp)) return await next;
        await over.CancelAsync();
        return new ContainerWaitResponse { StatusCode = state.ExitCode, Error = state.Error.Length > 0 ? new ContainerWaitExitError { Message = state.Error } : null };
    }

    /// <summary>Whether it has ever run.</summary>
    public bool WasStarted(string nameOrId) => _index.Get(nameOrId).State.StartedAt is not null;

    /// <summary>A label of a container; null when it has none such, or is not there.</summary>
    public string? LabelOf(string nameOrId, string label) => _index.Find(nameOrId)?.Config.Labels?.GetValueOrDefault(label);

    /// <summary>Attaches to the container's streams (see <see cref="AttachRequest"/>), also before it is started.</summary>
    public Task<AttachedStream> AttachAsync(string nameOrId, bool stdin, bool stdout, bool stderr, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        switch (container.State.Status)
        {
            case ContainerStatus.Paused: throw WharfException.Conflict($"container {nameOrId} is paused, unpause the container before attach");
            case ContainerStatus.Restarting: throw WharfException.Conflict($"container {nameOrId} is restarting, wait until the container is running");
        }
        if ((stdout || stderr) && container.HostConfig.LogConfig?.Type == LogRules.Passthrough)
            throw WharfException.Conflict($"container {nameOrId} uses the log driver passthrough: its output goes to the client that started it, and cannot be attached to");
        Publish(container, "attach");
        return _shim.AttachAsync(new AttachRequest { Id = container.Id, Stdin = stdin && container.Config.OpenStdin == true, Stdout = stdout, Stderr = stderr }, cancellation);
    }

    /// <summary>The client left by its detach keys.</summary>
    public void Detached(string nameOrId)
    {
        if (_index.Find(nameOrId) is { } container) Publish(container, "detach");
    }

    /// <summary>One client's end of input is not the process's.</summary>
    public bool InputStaysOpen(string nameOrId) => _index.Find(nameOrId)?.Config is { OpenStdin: true } config && (config.Tty == true || config.StdinOnce != true);

    public bool HasTerminal(string nameOrId) => _index.Get(nameOrId).Config.Tty ?? false;

    public async Task ResizeAsync(string nameOrId, uint height, uint width, CancellationToken cancellation)
    {
        var container = await SettledAsync(nameOrId, cancellation);
        if (!container.State.HasProcess) throw NotRunning(container);
        await _shim.SendAsync(new ShimRequest { Resize = new ResizeRequest { Id = container.Id, Height = height, Width = width } }, cancellation);
        Publish(container, "resize", ("height", Number(height)), ("width", Number(width)));
    }

    public async Task RenameAsync(string nameOrId, string newName, CancellationToken cancellation)
    {
        if (nameOrId.Length == 0 || newName.Length == 0) throw WharfException.Invalid("Neither old nor new names may be empty");
        var container = _index.Get(nameOrId);
        var bare = newName.StartsWith('/') ? newName[1..] : newName;
        if (!ContainerNames.IsValid(bare))
            throw WharfException.Invalid($"Error when allocating new name: Invalid container name (/{bare}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        using (await container.Gate.EnterAsync(cancellation))
        {
            var old = container.Name;
            if (old == bare) throw WharfException.Invalid("Renaming a container with the same name as its current name");
            if (!_index.TryReserve(bare, container.Id, out var holder)) throw WharfException.Conflict($"Error when allocating new name: {ContainerNames.Taken(bare, holder).Message}");
            try
            {
                _store.SaveName(container.Id, bare);
            }
            catch
            {
                _index.Release(bare, container.Id);
                throw;
            }
            container.Name = bare;
            _index.Release(old, container.Id);
            _networks.Rename(container.Id, bare);
            if (container.Network is { } network)
                container.Network = network with { Endpoints = network.Endpoints.ToDictionary(entry => entry.Key, entry => entry.Value with { DNSNames = entry.Value.DNSNames?.Select(known => known == old ? bare : known).ToList() }) };
            await UpdateNamesAsync(container);
            Publish(container, "rename", ("oldName", "/" + old));
        }
    }
}
