using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>
/// Health probes that need no program in the image: <c>["HTTP", "http://127.0.0.1:8080/healthz"]</c> (200 to 399 is healthy) and
/// <c>["TCP", "127.0.0.1:5432"]</c> (a connection is). Made from within the container's network namespace, by address only.
/// </summary>
internal sealed class NativeProbe
{
    private readonly Uri? _url;
    private readonly IPEndPoint _target;

    private NativeProbe(Uri? url, IPEndPoint target) => (_url, _target) = (url, target);

    /// <summary>Null when the test is of another kind; InvalidArgument when its address is none.</summary>
    public static NativeProbe? Parse(IReadOnlyList<string>? test) => test switch
    {
        ["HTTP", var text, ..] => ParseUrl(text),
        ["TCP", var text, ..] => new NativeProbe(null, Address(text)),
        ["HTTP" or "TCP"] => throw WharfException.Invalid($"invalid health check: {test[0]} needs an address"),
        _ => null,
    };

    private static NativeProbe ParseUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != "http") throw WharfException.Invalid($"invalid health check: \"{text}\" is not http://ADDRESS[:PORT]/PATH");
        return new NativeProbe(url, Address(string.Create(CultureInfo.InvariantCulture, $"{url.Host}:{url.Port}")));
    }

    private static IPEndPoint Address(string text)
    {
        var address = text.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1" + text["localhost".Length..] : text;
        return IPEndPoint.TryParse(address, out var endpoint) && endpoint.Port > 0 ? endpoint : throw WharfException.Invalid($"invalid health check: \"{text}\" is not ADDRESS:PORT");
    }

    /// <summary>One probe: exit code 0 or 1, and what to show of it.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(int pid, CancellationToken cancellation)
    {
        try
        {
            if (_url is not null) return await GetAsync(pid, cancellation);
            using var socket = await ConnectAsync(pid, cancellation);
            return (0, $"connected to {_target}");
        }
        catch (Exception error) when (error is SocketException or HttpRequestException or Linux.Syscalls.SyscallException)
        {
            return (1, (error.InnerException ?? error).Message);
        }
    }

    private async Task<(int ExitCode, string Output)> GetAsync(int pid, CancellationToken cancellation)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false, ConnectCallback = async (_, token) => new NetworkStream(await ConnectAsync(pid, token), ownsSocket: true) };
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(_url, HttpCompletionOption.ResponseHeadersRead, cancellation);
        int status = (int)response.StatusCode;
        return (status is >= 200 and < 400 ? 0 : 1, string.Create(CultureInfo.InvariantCulture, $"HTTP {status} {response.ReasonPhrase}"));
    }

    private async Task<Socket> ConnectAsync(int pid, CancellationToken cancellation)
    {
        using var space = OpenAt.Open($"/proc/{pid}/ns/net", O.RDONLY);
        // A socket belongs to the namespace it was made in, wherever it is used.
        var socket = await NetworkNamespace.EnterAsync(space, () => new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            await socket.ConnectAsync(_target, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
