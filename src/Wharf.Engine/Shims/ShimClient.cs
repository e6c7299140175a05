using Wharf.Specs.Shim;

namespace Wharf.Engine.Shims;

/// <summary>
/// The engine's side of the shim's socket. Starts the shim when there is none, finds it again after a daemon restart, and
/// multiplexes requests over one connection.
/// </summary>
public sealed partial class ShimClient
{
    /// <summary>Sends a request and waits for its response; a ShimError becomes a <see cref="ShimException"/>.</summary>
    public Task<ShimResponse> SendAsync(ShimRequest request, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Opens the streams of a container or exec (see <see cref="AttachRequest"/>); the caller owns the stream. ShutdownWrite ends stdin.</summary>
    public Task<AttachedStream> AttachAsync(AttachRequest request, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Exits and OOMs; called in order, one at a time. Set before <see cref="ConnectAsync"/>.</summary>
    public Func<ShimEvent, Task>? OnEvent { get; set; }

    /// <summary>Connects (starting the shim if none runs) and returns what it knows, before any event is delivered.</summary>
    public Task<IReadOnlyList<ShimContainer>> ConnectAsync(CancellationToken cancellation) => throw new NotImplementedException();
}

/// <summary>The shim refused or failed a request.</summary>
public sealed class ShimException(ShimError error) : Exception(error.Message)
{
    public ShimError Error { get; } = error;
}

/// <summary>A duplex byte stream whose sending side can be closed on its own.</summary>
public sealed class AttachedStream(System.Net.Sockets.Socket socket) : System.Net.Sockets.NetworkStream(socket, ownsSocket: true)
{
    public void ShutdownWrite() => Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
}
