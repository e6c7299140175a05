using Microsoft.AspNetCore.Builder;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>Beginning to serve.</summary>
internal static class Serving
{
    /// <summary>As <see cref="WebApplication.StartAsync"/>; Unavailable where an address cannot be had, which is told in a line.</summary>
    public static async Task ServeAsync(this WebApplication app, CancellationToken cancellation)
    {
        try { await app.StartAsync(cancellation); }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException) { throw WharfException.Unavailable(error.Message, error); }
    }
}
