using System.Net;
using System.Text.Json;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Checking credentials and searching: what concerns a registry and no repository.</summary>
internal static class RegistryLogin
{
    private const string HubAddress = "https://index.docker.io/v1/";

    /// <summary>Tries the credentials; gives a token for later logins where the registry hands one out.</summary>
    public static async Task<string?> LoginAsync(AuthConfig credentials, DaemonOptions options, CancellationToken cancellation)
    {
        var host = Host(credentials.Serveraddress);
        RegistryAccess.Check(host, options);
        var endpoint = new RegistryEndpoint(host, null, RegistryEndpoint.IsAllowedPlain(host, options), IsMirror: false);
        using var connection = new RegistryConnection(endpoint, credentials, options);
        await connection.ConnectAsync(cancellation);
        var url = new Uri(connection.Base, "/v2/");
        HttpResponseMessage response;
        try { response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, url), "", cancellation, offline: true); }
        catch (WharfException error) when (error.Kind == ErrorKind.Internal && error.Message.EndsWith("no basic auth credentials", StringComparison.Ordinal))
        {
            throw new WharfException(ErrorKind.Internal, $"Get \"{url}\": no basic auth credentials");
        }
        using var _ = response;
        if (response.StatusCode == HttpStatusCode.Unauthorized && connection.Auth.HeaderFor("") is { Scheme: "Bearer" }) throw new WharfException(ErrorKind.Unauthorized, $"Get \"{url}\": unauthorized: incorrect username or password");
        if (response.StatusCode != HttpStatusCode.OK)
            throw new WharfException(ErrorKind.Internal, $"login attempt to {url} failed with status: {(int)response.StatusCode} {response.ReasonPhrase}");
        return connection.Auth.IdentityToken;
    }

    private static string Host(string? address)
    {
        if (string.IsNullOrEmpty(address) || address == HubAddress || address is "docker.io" or "index.docker.io") return "registry-1.docker.io";
        var host = address.StartsWith("https://", StringComparison.Ordinal) ? address[8..] : address.StartsWith("http://", StringComparison.Ordinal) ? address[7..] : address;
        return host.Split('/')[0];
    }

    /// <summary>Asks a registry's index for repositories (the v1 search of docker's hub, which some registries offer too).</summary>
    public static async Task<List<ImageSearchResponseItem>> SearchAsync(string term, int limit, AuthConfig? credentials, DaemonOptions options, CancellationToken cancellation)
    {
        var (host, query) = Split(term);
        RegistryAccess.Check(host, options);
        var endpoint = new RegistryEndpoint(host, null, RegistryEndpoint.IsAllowedPlain(host, options), IsMirror: false);
        using var connection = new RegistryConnection(endpoint, credentials, options);
        string[] schemes = endpoint.IsInsecure ? ["https", "http"] : ["https"];
        foreach (var scheme in schemes)
        {
            var url = new Uri($"{scheme}://{host}/v1/search?q={Uri.EscapeDataString(query)}&n={limit}");
            HttpResponseMessage response;
            try { response = await connection.SearchAsync(url, credentials, cancellation); }
            catch (HttpRequestException) when (scheme != schemes[^1]) { continue; }
            catch (HttpRequestException error) { throw RegistryConnection.Describe(error, "Get", url); }
            using var _ = response;
            if (response.StatusCode != HttpStatusCode.OK) throw new WharfException(ErrorKind.Internal, $"Unexpected status code {(int)response.StatusCode}");
            try { return JsonSerializer.Deserialize(await RegistryConnection.ReadLimitedAsync(response.Content, options.Limits.MaxManifest, cancellation), RegistryJson.Default.SearchResults)?.Results ?? []; }
            catch (JsonException error) { throw new WharfException(ErrorKind.Internal, $"error decoding registry search results: {error.Message}", error); }
        }
        return [];
    }

    /// <summary>A first part with a dot or a port is a registry; all else is searched at docker's hub.</summary>
    private static (string Host, string Query) Split(string term)
    {
        if (term.Contains("://", StringComparison.Ordinal)) throw WharfException.Invalid($"invalid repository name: repository name ({term}) should not have a scheme");
        int slash = term.IndexOf('/');
        var first = slash < 0 ? "" : term[..slash];
        if (slash < 0 || !(first.Contains('.') || first.Contains(':') || first == "localhost")) return ("index.docker.io", term);
        if (first is "docker.io" or "index.docker.io") return ("index.docker.io", term[(slash + 1)..] is var rest && rest.StartsWith("library/", StringComparison.Ordinal) ? rest[8..] : term[(slash + 1)..]);
        return (first, term[(slash + 1)..]);
    }
}
