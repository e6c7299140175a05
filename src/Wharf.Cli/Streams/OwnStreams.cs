using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Streams;

/// <summary>Hands this program's standard output and error over to the daemon, for a container that writes to them itself: the log driver <c>passthrough</c>.</summary>
internal static partial class OwnStreams
{
    public const string Driver = "passthrough";
    private const int SOL_SOCKET = 1, SCM_RIGHTS = 1, MSG_NOSIGNAL = 0x4000;

    /// <summary>What must hold before there is a container.</summary>
    public static void Check(DockerHost host)
    {
        if (host.SocketPath is null) throw new CliException($"the log driver {Driver} is for an engine on this machine: streams cannot be handed over a network", 125);
        if (Terminal.IsTerminal(1) || Terminal.IsTerminal(2)) throw new CliException($"the log driver {Driver} cannot be used on a terminal", 125);
    }

    /// <summary>To be called right before the container's start.</summary>
    public static async Task HandOverAsync(CliContext cli, string container, CancellationToken cancellationToken)
    {
        Check(cli.Api.Host);
        var expected = await cli.Api.PostAsync($"/wharf/containers/{Uri.EscapeDataString(container)}/streams", WharfJson.Default.StreamSocket, cancellationToken);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(expected.Path));
            Send(socket);
            var answer = new byte[4096];
            if (await socket.ReceiveAsync(answer, cancellationToken) is > 0 and var count) throw new CliException($"the streams were not taken: {Encoding.UTF8.GetString(answer, 0, count)}", 125);
        }
        catch (SocketException error) { throw new CliException($"cannot hand the streams over at {expected.Path}: {error.Message}", 125, error); }
    }

    /// <summary>One byte, and with it descriptors 1 and 2 (unix(7)).</summary>
    private static unsafe void Send(Socket socket)
    {
        byte one = 0;
        var vector = stackalloc nint[2] { (nint)(&one), 1 }; // struct iovec
        var control = stackalloc int[6] { 24, 0, SOL_SOCKET, SCM_RIGHTS, 1, 2 }; // struct cmsghdr, its length in 8 bytes, and the descriptors
        var message = stackalloc nint[7] { 0, 0, (nint)vector, 1, (nint)control, 24, 0 }; // struct msghdr
        if (sendmsg((int)socket.Handle, message, MSG_NOSIGNAL) < 0) throw new SocketException(Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", SetLastError = true)] private static unsafe partial nint sendmsg(int socket, nint* message, int flags);
}
