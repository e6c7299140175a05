using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Wharf.Engine.Plugins;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Authorization;

/// <summary>One plugin: found by name in docker's plugin directories, spoken to with JSON over its socket.</summary>
public sealed class AuthorizationPlugin : IDisposable
{
    private static readonly string[] Sockets = ["/run/wharf/plugins", "/run/docker/plugins"], Specs = ["/etc/wharf/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"];
    private const int Attempts = 5;
    private readonly HttpClient _http;
    private bool _active;

    public AuthorizationPlugin(string name) : this(name, AddressOf(name)) { }

    /// <param name="address"><c>unix:///path</c>, <c>tcp://</c> or <c>http://host:port</c>.</param>
    public AuthorizationPlugin(string name, string address)
    {
        Name = name;
        var socket = address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : null;
        _http = new HttpClient(UnixHttp.Handler(socket))
        {
            BaseAddress = new Uri(socket is not null ? "http://plugin" : address.Replace("tcp://", "http://", StringComparison.Ordinal)),
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    public string Name { get; }

    /// <summary>Throws Forbidden when the plugin does not allow it, and also when it cannot be asked: a missing guard lets no one through.</summary>
    public async Task AskAsync(string call, AuthorizationRequest request, CancellationToken cancellation)
    {
        AuthorizationResponse answer;
        try
        {
            await ActivateAsync(cancellation);
            var bytes = JsonSerializer.SerializeToUtf8Bytes(request, AuthorizationJson.Default.AuthorizationRequest);
            answer = JsonSerializer.Deserialize(await PostAsync("/AuthZPlugin." + call, bytes, cancellation), AuthorizationJson.Default.AuthorizationResponse) ?? new AuthorizationResponse();
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or IOException or SocketException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new WharfException(ErrorKind.Forbidden, $"plugin {Name} failed with error: AuthZPlugin.{call}: {error.Message}", error);
        }
        if (answer.Err is { Length: > 0 } failure) throw new WharfException(ErrorKind.Forbidden, $"plugin {Name} failed with error: {failure}");
        if (!answer.Allow) throw new WharfException(ErrorKind.Forbidden, $"authorization denied by plugin {Name}: {answer.Msg}");
    }

    private async Task ActivateAsync(CancellationToken cancellation)
    {
        if (_active) return;
        var manifest = JsonSerializer.Deserialize(await PostAsync("/Plugin.Activate", [], cancellation), AuthorizationJson.Default.PluginManifest);
        if (manifest?.Implements?.Contains("authz") != true) throw new HttpRequestException($"plugin {Name} does not implement authz");
        _active = true;
    }

    private async Task<byte[]> PostAsync(string path, byte[] body, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/vnd.docker.plugins.v1.2+json");
            try
            {
                using var response = await _http.PostAsync(path, content, cancellation);
                response.EnsureSuccessStatusCode();
                return await response.Content.ReadAsByteArrayAsync(cancellation);
            }
            catch (HttpRequestException error) when (error.StatusCode is null && attempt < Attempts)
            {
                // A plugin that starts, or whose queue of connections is full for the moment: asking twice harms nothing.
                await Task.Delay(TimeSpan.FromMilliseconds(50 << attempt), cancellation);
            }
        }
    }

    private static string AddressOf(string name)
    {
        // The name becomes part of a path.
        if (name.Contains('/') || name.StartsWith('.')) throw WharfException.Invalid($"invalid authorization plugin name \"{name}\"");
        foreach (var directory in Sockets)
            foreach (var path in (ReadOnlySpan<string>)[Path.Combine(directory, name + ".sock"), Path.Combine(directory, name, name + ".sock")])
                if (File.Exists(path)) return "unix://" + path;
        foreach (var directory in Specs)
        {
            var path = Path.Combine(directory, name);
            if (File.Exists(path + ".spec")) return File.ReadAllText(path + ".spec").Trim();
            if (File.Exists(path + ".json") && JsonSerializer.Deserialize(File.ReadAllBytes(path + ".json"), AuthorizationJson.Default.PluginSpec)?.Addr is { Length: > 0 } address) return address;
        }
        throw WharfException.Invalid($"authorization plugin \"{name}\" not found in {string.Join(", ", [.. Sockets, .. Specs])}");
    }

    public void Dispose() => _http.Dispose();
}
