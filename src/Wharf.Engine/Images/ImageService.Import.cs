using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>What an import adds to the file system.</summary>
public sealed record ImportOptions
{
    public string? Reference { get; init; }
    public string? Message { get; init; }
    public IReadOnlyList<string> Changes { get; init; } = [];
    public Platform? Platform { get; init; }
    /// <summary>Where it came from, for the history: <c>-</c> or a file's name.</summary>
    public string Source { get; init; } = "-";
}

/// <summary>Making an image of one layer from a tar of a root file system.</summary>
public sealed partial class ImageService
{
    /// <summary>Of what a server says to a refusal, so many bytes are told.</summary>
    private const int MaxRefusal = 4096;

    public async Task<ImageRecord> ImportAsync(Stream archive, ImportOptions options, CancellationToken cancellation)
    {
        var reference = options.Reference is { Length: > 0 } name ? ImageReference.Parse(name) : null;
        if (options.Platform is { Os: not "linux" }) throw WharfException.Invalid("operating system is not supported");
        var created = Timestamp(DateTimeOffset.UtcNow);
        var platform = options.Platform ?? Platforms.Host;
        var comment = options.Message is { Length: > 0 } message ? message : $"Imported from {options.Source}";
        var image = new OciImage
        {
            Created = created, Architecture = platform.Architecture, Variant = options.Platform?.Variant, Os = platform.Os, Comment = comment,
            Config = new OciImageConfig(), History = [new HistoryEntry { Created = created, Comment = comment }],
        };
        ImageChange.ApplyAll(image, options.Changes);
        await using var tar = await Compression.OpenAsync(archive, _options.Limits.MaxDecompressionRatio, cancellation);
        ImageRecord record;
        // Its layer is not known by name before it is there.
        using (await HoldLayersAsync(cancellation))
        {
            var layer = await _snapshots.ApplyAsync(null, null, tar, cancellation);
            image.RootFs = new RootFs { DiffIds = [layer.DiffId] };
            using var lease = _leases.Take();
            record = await AddAsync(image, lease, cancellation);
        }
        if (reference is not null) await TagAsync(record.Id, reference.Familiar, cancellation);
        Publish("import", record.Id, record.Id.ToString());
        return record;
    }

    /// <summary>Imports what a URL gives. Redirects are followed as a browser does, and credentials of the URL do not go with them.</summary>
    public async Task<ImageRecord> ImportFromUrlAsync(string source, ImportOptions options, IProgress<Specs.DockerApi.JsonMessage> progress, CancellationToken cancellation)
    {
        var text = source.Contains("://", StringComparison.Ordinal) ? source : "http://" + source;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)) throw WharfException.Invalid($"unsupported URL \"{source}\"");
        if (url.Scheme is not ("http" or "https")) throw new WharfException(ErrorKind.Internal, $"Get \"{source}\": unsupported protocol scheme \"{url.Scheme}\"");
        using var http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(15), UseProxy = true, Proxy = Registry.RegistryProxy.From(_options) }) { Timeout = Timeout.InfiniteTimeSpan };
        using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Authorization = Basic(url) } };
        var told = WithoutPassword(text);
        HttpResponseMessage response;
        try { response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation); }
        catch (HttpRequestException error) { throw Registry.RegistryConnection.Describe(error, "Get", url, told); }
        using var _ = response;
        if (!response.IsSuccessStatusCode) throw await RefusedAsync(told, response, cancellation);
        progress.Report(new() { Status = $"Downloading from {told}" });
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        await using var counted = new Registry.ProgressStream(body, Throttled("", "Importing", response.Content.Headers.ContentLength ?? 0, progress));
        return await ImportAsync(counted, options with { Source = WithoutPassword(source) }, cancellation);
    }

    private static AuthenticationHeaderValue? Basic(Uri url)
    {
        if (url.UserInfo == "") return null;
        var parts = url.UserInfo.Split(':', 2);
        return Registry.BasicCredentials.Header(Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""));
    }

    /// <summary>As it was written, but for a password: the comment of an image goes where the image goes.</summary>
    private static string WithoutPassword(string url) => PasswordPattern().Replace(url, "$1***@");

    [GeneratedRegex("^((?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#:@]*:)[^/?#]*@", RegexOptions.CultureInvariant)] private static partial Regex PasswordPattern();

    /// <summary>What the server answered is the caller's to know: it is the caller's URL.</summary>
    private static async Task<WharfException> RefusedAsync(string url, HttpResponseMessage response, CancellationToken cancellation)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        var bytes = new byte[MaxRefusal];
        int count = await body.ReadAtLeastAsync(bytes, MaxRefusal, throwOnEndOfStream: false, cancellation);
        var kind = (int)response.StatusCode switch
        {
            404 => ErrorKind.NotFound, 401 => ErrorKind.Unauthorized, 403 => ErrorKind.Forbidden, 409 => ErrorKind.Conflict, 503 => ErrorKind.Unavailable, < 500 => ErrorKind.InvalidArgument, _ => ErrorKind.Internal,
        };
        return new WharfException(kind, $"failed to GET {url} with status {(int)response.StatusCode} {response.ReasonPhrase}: {Encoding.UTF8.GetString(bytes, 0, count).Trim()}");
    }

    private static string Timestamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);
}
