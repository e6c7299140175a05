using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Wharf.Linux.Fds;
using Wharf.Linux.Sockets;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Shims;

/// <summary>
/// Takes standard output and error of clients on this machine to the shim, for containers with the log driver <c>passthrough</c>. Each handover has
/// a socket of its own, which is its user's alone, whose name nobody can guess or list, and which takes one connection: the name is the token.
/// </summary>
public sealed class StreamHandover(DaemonOptions options, ShimClient shim, ILogger<StreamHandover> log)
{
    private const int Streams = 2, MostMessage = 64, Patience = 10_000;
    private const UnixFileMode OnlyByName = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly string _directory = Path.Combine(options.ExecRoot, "streams");
    private readonly Lock _lock = new();
    private bool _ready;

    /// <summary>Opens a socket for one handover by a user, and gives its path. What a container's next start writes to comes over it within ten seconds.</summary>
    public string Expect(string containerId, uint user)
    {
        MakeDirectory();
        var path = Path.Combine(_directory, Convert.ToBase64String(RandomNumberGenerator.GetBytes(12)).Replace('+', '-').Replace('/', '_'));
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path)); // by the daemon's umask none but root may connect yet
            listener.Listen(1);
            FileOwner.Set(path, user, uint.MaxValue);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
        _ = Task.Run(() => TakeAsync(listener, path, containerId, user));
        return path;
    }

    private void MakeDirectory()
    {
        lock (_lock)
        {
            if (_ready) return;
            if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true); // a former daemon was killed over them
            Directory.CreateDirectory(_directory, OnlyByName);
            _ready = true;
        }
    }

    private async Task TakeAsync(Socket listener, string path, string containerId, uint user)
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            using var client = await AcceptAsync(listener, path, patience.Token);
            var files = new List<Fd>();
            try
            {
                await client.SendAsync(System.Text.Encoding.UTF8.GetBytes(await PassAsync(client, files, containerId, user, patience.Token)), patience.Token);
            }
            finally
            {
                foreach (var file in files) file.Dispose();
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException) { log.NotHandedOver(containerId, error); }
    }

    private static async Task<Socket> AcceptAsync(Socket listener, string path, CancellationToken cancellation)
    {
        using (listener)
        {
            try { return await listener.AcceptAsync(cancellation); }
            finally { File.Delete(path); }
        }
    }

    /// <summary>Passes the streams on; gives what is wrong with them, or nothing.</summary>
    private async Task<string> PassAsync(Socket client, List<Fd> files, string containerId, uint user, CancellationToken cancellation)
    {
        if (PeerUser.Of(client) is var other && other != user && other != 0) return $"the streams are expected of user {user}, not of {other}";
        Receive(client, files);
        if (files.Count != Streams) return $"{files.Count} descriptors came, and not standard output and error";
        if (files.Exists(IsTerminal)) return "the log driver passthrough cannot be used on a terminal";
        try { await shim.HandOverAsync(containerId, files, cancellation); }
        catch (Exception error) when (error is WharfException or ShimException) { return error.Message; }
        return "";
    }

    private static void Receive(Socket client, List<Fd> files)
    {
        using var connection = new Fd((int)client.Handle);
        try
        {
            Span<byte> message = stackalloc byte[MostMessage];
            if (FdPoll.Readable(connection, Patience)) FdSocket.Receive(connection, message, files);
        }
        finally { connection.Release(); } // it stays the socket's
    }

    // A container that has a caller's terminal could put characters into its input (TIOCSTI).
    private static unsafe bool IsTerminal(Fd file)
    {
        const uint TCGETS = 0x5401;
        var settings = stackalloc byte[64];
        return Libc.ioctl(file.Value, TCGETS, (nint)settings) == 0;
    }
}
