using System.Net;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

// Trying credentials, with no repository in mind.
public sealed partial class RegistryClient
{
    /// <summary>Asks the registry whether it takes these credentials. Throws with docker's words when it does not, or cannot be reached.</summary>
    /// <param name="address">As clients send it: a host, a URL, or empty for Docker Hub.</param>
    public static async Task LoginAsync(string? address, AuthConfig credentials, DaemonOptions options, CancellationToken cancellation)
    {
        // Any repository will do: only the base address of the registry is asked.
        var name = ImageReference.Parse($"{HostOf(address)}/library/login");
        using var client = new RegistryClient(name, credentials, options);
        try
        {
            await client.ConnectAsync(push: false, cancellation);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.Unauthorized)
        {
            var url = $"{client._base}v2/";
            throw new WharfException(ErrorKind.Internal, string.IsNullOrEmpty(credentials.Username) || string.IsNullOrEmpty(credentials.Password)
                ? $"Get \"{url}\": no basic auth credentials"
                : $"login attempt to {url} failed with status: {(int)HttpStatusCode.Unauthorized} Unauthorized", error);
        }
    }

    private static string HostOf(string? address)
    {
        var text = address ?? "";
        if (text.IndexOf("://", StringComparison.Ordinal) is >= 0 and var scheme) text = text[(scheme + 3)..];
        if (text.IndexOf('/') is >= 0 and var slash) text = text[..slash];
        if (text is "" or "index.docker.io" or "registry-1.docker.io") return ImageReference.DefaultDomain;
        return text.Contains('.') || text.Contains(':') || text == "localhost" ? text : throw WharfException.Invalid($"invalid registry address \"{address}\"");
    }
}
