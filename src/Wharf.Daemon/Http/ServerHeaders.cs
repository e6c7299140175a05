using Microsoft.AspNetCore.Http;

namespace Wharf.Daemon.Http;

/// <summary>What every answer says of the server, errors included.</summary>
public static class ServerHeaders
{
    private static readonly string Server = $"Wharf/{DaemonVersion.Product} (linux)", Version = ApiVersion.Newest.ToString();

    public static void Set(HttpResponse response)
    {
        SetVersions(response);
        response.Headers["Docker-Experimental"] = "false";
    }

    /// <summary>For requests in a version that is not served.</summary>
    public static void SetVersions(HttpResponse response)
    {
        response.Headers.Server = Server;
        response.Headers["Api-Version"] = Version;
        response.Headers["Ostype"] = "linux";
    }

    /// <summary>For requests to no operation: docker's say nothing then.</summary>
    public static void SetNone(HttpResponse response) { }
}
