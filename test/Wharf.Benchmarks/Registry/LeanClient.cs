using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Wharf.Benchmarks.Registry;

/// <summary>
/// A client for large blobs that takes next to nothing of the two processors itself: one socket each, bodies sent as they lie in memory, and answers
/// dropped by the kernel (MSG_TRUNC). What is measured is the server.
/// </summary>
internal static partial class LeanClient
{
    private const int MSG_TRUNC = 0x20;
    private const int Piece = 1 << 20;

    public static Task PushAsync(int port, string path, byte[] blob) => OnThread(() =>
    {
        using var socket = Connect(port);
        Send(socket, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: {blob.Length}\r\n\r\n")));
        for (int i = 0; i < blob.Length; i += Piece) Send(socket, blob.AsSpan(i, Math.Min(Piece, blob.Length - i)));
        var (head, _) = Head(socket);
        if (!head.StartsWith("HTTP/1.1 201", StringComparison.Ordinal)) throw new InvalidOperationException("push: " + head);
    });

    public static Task PullAsync(int port, string path, long size) => OnThread(() =>
    {
        using var socket = Connect(port);
        Send(socket, Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        var (head, body) = Head(socket);
        if (!head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal)) throw new InvalidOperationException("pull: " + head);
        for (long left = size - body; left > 0;)
        {
            nint count = recv((int)socket.Handle, 0, (nint)Math.Min(left, 4 << 20), MSG_TRUNC);
            if (count <= 0) throw new InvalidOperationException($"pull: cut {left} bytes before the end");
            left -= count;
        }
    });

    /// <summary>The head of the answer, and how many bytes of its body came along.</summary>
    private static (string Head, int Body) Head(Socket socket)
    {
        var buffer = new byte[16 << 10];
        int length = 0;
        while (true)
        {
            int count = socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None);
            if (count == 0) throw new InvalidOperationException("no answer");
            length += count;
            if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is >= 0 and var end) return (Encoding.ASCII.GetString(buffer, 0, end), length - end - 4);
        }
    }

    private static void Send(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[socket.Send(bytes)..];
    }

    private static Socket Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        return socket;
    }

    private static Task OnThread(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    [LibraryImport("libc")]
    private static partial nint recv(int socket, nint buffer, nint length, int flags);
}
