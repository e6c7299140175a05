using Microsoft.AspNetCore.Http;

namespace Wharf.Daemon.Http;

/// <summary>What every answer says of the server, errors included.</summary>
public static class ServerHeaders
{
    private static readonly string Server = $"Wharf/{DaemonVersion.Product} (linux)", Version = ApiVersion.Newest.ToString();

    public static void Set(HttpResponse response)
    {
        response.Headers.Server = Server;
        response.Headers["Api-Version"] = Version;
        response.Headers["Docker-Experimental"] = "false";
        response.Headers["Ostype"] = "linux";
    }
}
