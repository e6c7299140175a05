using System.Net.Sockets;
using System.Security.Authentication;

namespace Wharf.Specs.Errors;

/// <summary>Why a host could not be spoken to, in the words of docker's messages, which people and scripts know.</summary>
public static class DialError
{
    /// <param name="resolver">The name server that was asked, as <c> on ADDRESS:53</c>, where it is known.</param>
    public static string Describe(HttpRequestException error, Uri url, Func<string>? resolver = null) => error.InnerException switch
    {
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => $"dial tcp {url.Host}:{url.Port}: connect: connection refused",
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } => $"dial tcp: lookup {url.Host}{resolver?.Invoke()}: no such host",
        AuthenticationException tls => $"tls: {tls.Message}",
        TimeoutException => "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
        _ => error.Message,
    };
}
