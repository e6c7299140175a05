using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>Owns containers from create to remove. Split by verb: <c>ContainerService.Create.cs</c>, <c>.Start.cs</c>, …</summary>
public sealed partial class ContainerService
{
    /// <summary>Creates a container; returns its ID and warnings. NotFound when the image is not here, Conflict when the name is taken.</summary>
    public Task<ContainerCreateResponse> CreateAsync(ContainerCreateRequest request, string? name, Specs.Image.Platform? platform, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>How many there are, by what they do (<c>info</c>).</summary>
    public Task<ContainerCounts> CountAsync(CancellationToken cancellation) => throw new NotImplementedException();

    public Task StartAsync(string nameOrId, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Waits for the next exit, removal, or that it is not running; gives the exit code.</summary>
    public Task<ContainerWaitResponse> WaitAsync(string nameOrId, WaitCondition condition, CancellationToken cancellation) => throw new NotImplementedException();

    public Task KillAsync(string nameOrId, string? signal, CancellationToken cancellation) => throw new NotImplementedException();

    public Task RemoveAsync(string nameOrId, bool force, bool volumes, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Attaches to the container's streams (see <see cref="Specs.Shim.AttachRequest"/>), also before it is started.</summary>
    public Task<Shims.AttachedStream> AttachAsync(string nameOrId, bool stdin, bool stdout, bool stderr, CancellationToken cancellation) => throw new NotImplementedException();
}

/// <summary>What <c>wait</c> waits for.</summary>
public enum WaitCondition { NotRunning, NextExit, Removed }

/// <summary>Containers by state; created, exited and dead ones count as stopped.</summary>
public readonly record struct ContainerCounts(int Running, int Paused, int Stopped);
