namespace Wharf.Runtime.Logs;

/// <summary>
/// Where a container's output is kept. Called on the shim's loop alone; takes what a stream (0 stdout, 1 stderr) gave in one read. A log
/// that falls behind says so by <see cref="IsFull"/>, and by <see cref="OnRoom"/> when it has caught up.
/// </summary>
internal abstract class ContainerLog : IDisposable
{
    public abstract void Write(int stream, ReadOnlySpan<byte> data);

    /// <summary>Writes what a stream left without a line end. Called once, when both streams have ended.</summary>
    public abstract void Finish();

    /// <summary>Makes the log ready, and may wait for its other end; called off the loop, before the container starts.</summary>
    public virtual void Connect() { }

    /// <summary>True while no more should be read from the container.</summary>
    public virtual bool IsFull => false;

    /// <summary>Called, from any thread, when there is room again.</summary>
    public Action? OnRoom { get; set; }

    public abstract void Dispose();
}
