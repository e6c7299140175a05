using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Images.Signatures;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Wharf.Specs.Yaml;

namespace Wharf.Engine.Images.Trust;

/// <summary>
/// Where GnuPG's signatures of images lie: a web server or directory that files in containers-registries.d(5) name for registries and repositories. Under it, the signatures of a manifest are
/// <c>REPOSITORY@sha256=HEX/signature-1</c> and so on.
/// </summary>
public static class Lookaside
{
    private const long MaxConfiguration = 1 << 20;
    /// <summary>Where podman and skopeo of root write what nothing is configured for.</summary>
    private const string Otherwise = "file:///var/lib/containers/sigstore";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>The signatures of a manifest of an image's repository; none where there are none. Unavailable when it cannot be found out.</summary>
    public static async Task<List<byte[]>> ReadAsync(DaemonOptions options, ImageReference image, Digest subject, CancellationToken cancellation)
    {
        var place = Find(options.RegistriesDirectory, image);
        var proxy = RegistryProxy.From(options);
        using var http = new HttpClient(new SocketsHttpHandler { Proxy = proxy, DefaultProxyCredentials = proxy.Credentials, UseCookies = false }) { Timeout = Patience };
        var signatures = new List<byte[]>();
        while (signatures.Count < SignatureVerifier.MaxSignatures)
        {
            var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"{place.ToString().TrimEnd('/')}/{image.Path}@{subject.Algorithm}={subject.Hex}/signature-{signatures.Count + 1}"));
            if (await ReadAsync(http, url, cancellation) is not { } signature) break;
            signatures.Add(signature);
        }
        return signatures;
    }

    private static async Task<byte[]?> ReadAsync(HttpClient http, Uri url, CancellationToken cancellation)
    {
        static WharfException TooLarge() => WharfException.Unavailable($"a signature is larger than {SignatureVerifier.MaxPayload} bytes");
        try
        {
            if (url.IsFile)
            {
                await using var file = File.OpenRead(url.LocalPath);
                return await file.ReadWholeAsync(SignatureVerifier.MaxPayload, TooLarge, cancellation);
            }
            using var response = await http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode == HttpStatusCode.NotFound) return null;
            if (!response.IsSuccessStatusCode) throw WharfException.Unavailable($"{url}: {(int)response.StatusCode} {response.ReasonPhrase}");
            await using var body = await response.Content.ReadAsStreamAsync(cancellation);
            return await body.ReadWholeAsync(SignatureVerifier.MaxPayload, TooLarge, cancellation);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { return null; }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or HttpRequestException || (error is OperationCanceledException && !cancellation.IsCancellationRequested)) { throw WharfException.Unavailable($"{url}: {error.Message}", error); }
    }

    /// <summary>The most specific scope's place. InvalidArgument, with the file, for configuration that cannot be read.</summary>
    internal static Uri Find(string directory, ImageReference image)
    {
        var places = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Directory.Exists(directory)) foreach (var path in Directory.EnumerateFiles(directory, "*.yaml").Order(StringComparer.Ordinal)) Add(path, places);
        var place = TrustPolicy.ScopesOf(image).Append("").Select(scope => places.GetValueOrDefault(scope)).FirstOrDefault(static place => place is not null) ?? Otherwise;
        return Uri.TryCreate(place, UriKind.Absolute, out var url) && url.Scheme is "https" or "http" or "file" ? url : throw WharfException.Invalid($"{directory}: \"{place}\" is no URL of a lookaside (https, http or file)");
    }

    private static void Add(string path, Dictionary<string, string> places)
    {
        try
        {
            if (new FileInfo(path).Length > MaxConfiguration) throw new FormatException("larger than a MiB");
            if (YamlReader.Read(File.ReadAllText(path)) is not JsonObject root) return;
            Put("", root["default-docker"]);
            foreach (var (scope, place) in root["docker"] as JsonObject ?? []) Put(scope, place);
        }
        catch (Exception error) when (error is FormatException or IOException or UnauthorizedAccessException) { throw WharfException.Invalid($"{path}: {error.Message}", error); }

        // "sigstore" is what it was called before Sigstore.
        void Put(string scope, JsonNode? place)
        {
            if ((place?["lookaside"] ?? place?["sigstore"]) is not JsonValue value) return;
            if (!places.TryAdd(scope, value.GetValue<string>())) throw new FormatException($"\"{(scope.Length > 0 ? scope : "default-docker")}\" is defined twice");
        }
    }
}
