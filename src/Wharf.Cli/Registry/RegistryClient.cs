using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Cli.Registry;

/// <summary>One repository of a registry, as far as the <c>manifest</c> commands need it (OCI distribution-spec): manifests and small blobs. Credentials go to the registry's host, and to the token service it names over TLS or on the same machine.</summary>
internal sealed class RegistryClient : IDisposable
{
    private const int MaxDocument = 8 << 20;
    private static readonly string[] Types =
    [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ];

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(15) });
    private readonly ImageReference name;
    private readonly AuthConfig? credentials;
    private readonly bool mayBePlain;
    private AuthenticationHeaderValue? authorization;
    private Uri? root;

    private RegistryClient(ImageReference name, AuthConfig? credentials, bool isInsecure)
    {
        (this.name, this.credentials) = (name, credentials);
        var host = name.Domain.Split(':')[0];
        mayBePlain = isInsecure || host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
    }

    public static async Task<RegistryClient> OpenAsync(CliContext cli, ImageReference name, bool isInsecure, CancellationToken cancellationToken) =>
        new(name, await new Credentials(cli.Config).GetAsync(Credentials.Key(name.Domain), cancellationToken), isInsecure);

    private string Host => name.Domain == ImageReference.DefaultDomain ? "registry-1.docker.io" : name.Domain;

    /// <summary>A manifest's bytes as sent, and their type; null when there is none.</summary>
    public async Task<(byte[] Bytes, string Type)?> ManifestAsync(string reference, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, $"manifests/{reference}", null, "pull", cancellationToken);
        if (response.StatusCode is HttpStatusCode.NotFound) return null;
        await CheckAsync(response, cancellationToken);
        return (await ReadAsync(response, cancellationToken), response.Content.Headers.ContentType?.MediaType ?? "");
    }

    public async Task<byte[]> BlobAsync(string digest, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, $"blobs/{digest}", null, "pull", cancellationToken);
        if (response is { StatusCode: >= HttpStatusCode.MovedPermanently and < HttpStatusCode.BadRequest, Headers.Location: { } location })
        {
            // The storage behind a registry gets no credentials of the registry's.
            using var elsewhere = await http.GetAsync(new Uri(root!, location), cancellationToken);
            await CheckAsync(elsewhere, cancellationToken);
            return await ReadAsync(elsewhere, cancellationToken);
        }
        await CheckAsync(response, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }

    public async Task PutManifestAsync(string reference, string type, byte[] bytes, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Put, $"manifests/{reference}", (type, bytes), "pull,push", cancellationToken);
        await CheckAsync(response, cancellationToken);
    }

    /// <summary>Lets this repository have a blob of another one of the same registry.</summary>
    public async Task MountAsync(string digest, string from, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Post, $"blobs/uploads/?mount={Uri.EscapeDataString(digest)}&from={Uri.EscapeDataString(from)}", null, "pull,push", cancellationToken);
        await CheckAsync(response, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Created) throw new CliException($"{name.Domain} does not mount {digest} from {from}: push the image into {name.Path} first");
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, (string Type, byte[] Bytes)? body, string actions, CancellationToken cancellationToken)
    {
        root ??= await FindRootAsync(cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, new Uri(root, $"/v2/{name.Path}/{path}"));
            request.Headers.Authorization = authorization;
            foreach (var type in Types) request.Headers.Accept.ParseAdd(type);
            if (body is { } content) request.Content = new ByteArrayContent(content.Bytes) { Headers = { ContentType = MediaTypeHeaderValue.Parse(content.Type) } };
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.StatusCode != HttpStatusCode.Unauthorized || attempt == 2 || !await AnswerAsync(response.Headers.WwwAuthenticate, actions, cancellationToken)) return response;
            response.Dispose();
        }
    }

    private async Task<Uri> FindRootAsync(CancellationToken cancellationToken)
    {
        HttpRequestException? first = null;
        foreach (var scheme in mayBePlain ? (string[])["https", "http"] : ["https"])
        {
            var address = new Uri($"{scheme}://{Host}");
            try
            {
                using var response = await http.GetAsync(new Uri(address, "/v2/"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                return address;
            }
            catch (HttpRequestException e) when (scheme == "http" || !mayBePlain)
            {
                var shown = new Uri($"https://{Host}");
                throw new CliException($"failed to configure transport: error pinging v2 registry: Get \"{shown}v2/\": {DialError.Describe(first ?? e, shown)}", 1, e);
            }
            catch (HttpRequestException e)
            {
                // Not TLS: where that is allowed, plain HTTP is tried next.
                first = e;
            }
        }
        throw new CliException($"no registry at {Host}");
    }

    private async Task<bool> AnswerAsync(HttpHeaderValueCollection<AuthenticationHeaderValue> challenges, string actions, CancellationToken cancellationToken)
    {
        bool hasPassword = credentials is { Username.Length: > 0, Password.Length: > 0 };
        var basic = hasPassword ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials!.Username}:{credentials.Password}"))) : null;
        if (challenges.FirstOrDefault(challenge => challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) is not { } bearer)
        {
            authorization = basic;
            return basic is not null;
        }
        var parameters = Parameters(bearer.Parameter ?? "");
        if (!Uri.TryCreate(parameters.GetValueOrDefault("realm"), UriKind.Absolute, out var realm)) return false;
        var query = $"service={Uri.EscapeDataString(parameters.GetValueOrDefault("service", ""))}&scope={Uri.EscapeDataString($"repository:{name.Path}:{actions}")}";
        using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(realm) { Query = query }.Uri);
        if (basic is not null && (realm.Scheme == "https" || (root!.Scheme == "http" && realm.IsLoopback))) request.Headers.Authorization = basic;
        using var response = await http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode) return false;
        using var document = JsonDocument.Parse(await ReadAsync(response, cancellationToken));
        if (!document.RootElement.TryGetProperty("token", out var token) && !document.RootElement.TryGetProperty("access_token", out token)) return false;
        authorization = new AuthenticationHeaderValue("Bearer", token.GetString());
        return true;
    }

    private static Dictionary<string, string> Parameters(string text)
    {
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (System.Text.RegularExpressions.Match match in System.Text.RegularExpressions.Regex.Matches(text, "(\\w+)=\"([^\"]*)\"")) parameters[match.Groups[1].Value] = match.Groups[2].Value;
        return parameters;
    }

    private static async Task CheckAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode) return;
        var text = Encoding.UTF8.GetString(await ReadAsync(response, cancellationToken)).Trim();
        throw new CliException(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? "unauthorized: authentication required" : $"the registry answers {(int)response.StatusCode}: {(text.Length > 300 ? text[..300] : text)}");
    }

    private static Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken) => BoundedBody.ReadAsync(response, MaxDocument, "the registry's answer", cancellationToken);

    public void Dispose() => http.Dispose();
}
