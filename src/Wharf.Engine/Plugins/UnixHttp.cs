using System.Net.Sockets;

namespace Wharf.Engine.Plugins;

/// <summary>HTTP to a plugin.</summary>
public static class UnixHttp
{
    /// <summary>A handler for a plugin's server: over a Unix socket, or of null to the host of the request. A plugin is asked directly and sends nobody elsewhere.</summary>
    public static SocketsHttpHandler Handler(string? socketPath)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false };
        if (socketPath is not null) handler.ConnectCallback = async (_, cancellation) => await ConnectAsync(socketPath, cancellation);
        return handler;
    }

    private static async Task<Stream> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
