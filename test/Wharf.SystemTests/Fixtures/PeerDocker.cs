using System.Net.Sockets;
using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>The real dockerd some machines have beside Wharf. A socket may outlast its daemon: a test asks whether anybody answers, and is skipped when nobody does.</summary>
public static class PeerDocker
{
    public const string Socket = "/run/peer-docker.sock";

    /// <summary>The API of the real dockerd; without one the calling test ends here, skipped with the reason.</summary>
    public static async Task<EngineApi> ConnectOrSkipAsync()
    {
        if (!File.Exists(Socket)) Assert.Skip($"no real dockerd: there is no {Socket}");
        var api = new EngineApi(Socket);
        string? reason = null;
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            var ping = await api.GetAsync("/version", patience.Token);
            if (ping.Status != 200) reason = $"GET /version answered {ping.Status}";
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            reason = e.Message;
        }
        if (reason is null) return api;
        api.Dispose();
        Assert.Skip($"no real dockerd answers at {Socket}: {reason}");
        return api;
    }
}
