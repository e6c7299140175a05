using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Wharf.Benchmarks.Registry;

/// <summary>A registry process on loopback with a directory of its own, and a client for it.</summary>
internal sealed class RegistryUnderTest : IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-bench-registry-").FullName;
    private readonly ConcurrentDictionary<byte[], string> _digests = new();
    private Func<Task<Process>> _start = null!;
    private Process _process = null!;
    private HttpClient _http = null!;
    private bool _isOurs;

    /// <summary>Its address as image names have it.</summary>
    public string Authority => _http.BaseAddress!.Authority;

    public static async Task<RegistryUnderTest> WharfAsync(string binaries)
    {
        var registry = new RegistryUnderTest { _isOurs = true };
        int port = FreePort();
        registry._start = () => registry.RunAsync(Path.Combine(binaries, "wharf"), ["registry", "serve", "--addr", $"127.0.0.1:{port}", "--root", registry._root + "/store"], port);
        registry._process = await registry._start();
        return registry;
    }

    public static async Task<RegistryUnderTest> DebianAsync()
    {
        var registry = new RegistryUnderTest();
        int port = FreePort();
        await File.WriteAllTextAsync(registry._root + "/config.yml", $"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {registry._root}/store}}\nhttp: {{addr: 127.0.0.1:{port}}}\n");
        registry._start = () => registry.RunAsync("docker-registry", ["serve", registry._root + "/config.yml"], port);
        registry._process = await registry._start();
        return registry;
    }

    private async Task<Process> RunAsync(string program, string[] args, int port)
    {
        var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.ErrorDataReceived += static (_, _) => { };
        process.OutputDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(5) };
        for (var until = DateTime.UtcNow.AddSeconds(120); ; await Task.Delay(100))
        {
            try
            {
                using var response = await _http.GetAsync("/v2/");
                return process;
            }
            catch (HttpRequestException) when (DateTime.UtcNow < until) { /* not up yet */ }
        }
    }

    private long _peak;

    /// <summary>The most memory any process of it ever used, in bytes.</summary>
    public long PeakMemory => Math.Max(_peak, Peak());

    private long Peak() => File.ReadLines($"/proc/{_process.Id}/status").Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024).First();

    public async Task PushAsync(string name, byte[] blob)
    {
        // The client's own hashing is no part of what is measured.
        var digest = _digests.GetOrAdd(blob, RegistryBench.Digest);
        using var begun = await _http.PostAsync($"/v2/{name}/blobs/uploads/", null);
        var location = begun.Headers.Location!.ToString();
        using var response = await _http.PutAsync($"{location}{(location.Contains('?') ? '&' : '?')}digest={digest}", new ByteArrayContent(blob));
        if (response.StatusCode != HttpStatusCode.Created) throw new InvalidOperationException($"push: {response.StatusCode}");
    }

    /// <summary>Digests a blob before anything is measured.</summary>
    public void Know(byte[] blob) => _digests.GetOrAdd(blob, RegistryBench.Digest);

    public async Task PushLargeAsync(string name, byte[] blob)
    {
        var digest = _digests.GetOrAdd(blob, RegistryBench.Digest);
        using var begun = await _http.PostAsync($"/v2/{name}/blobs/uploads/", null);
        var location = new Uri(_http.BaseAddress!, begun.Headers.Location!).PathAndQuery;
        await LeanClient.PushAsync(_http.BaseAddress!.Port, $"{location}{(location.Contains('?') ? '&' : '?')}digest={digest}", blob);
    }

    public Task PullLargeAsync(string name, byte[] blob) => LeanClient.PullAsync(_http.BaseAddress!.Port, $"/v2/{name}/blobs/{_digests.GetOrAdd(blob, RegistryBench.Digest)}", blob.Length);

    public async Task PullAsync(string name, string digest) => await GetAsync($"/v2/{name}/blobs/{digest}");

    public async Task GetAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "application/vnd.oci.image.manifest.v1+json, */*");
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await response.Content.CopyToAsync(Stream.Null);
    }

    public async Task PutManifestAsync(string name, string tag, int seed)
    {
        var body = new ByteArrayContent(RegistryBench.Text($$$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{{RegistryBench.Digest("{}"u8.ToArray())}}}","size":2},"layers":[],"annotations":{"n":"{{{seed}}}-{{{tag}}}"}}"""));
        body.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.manifest.v1+json");
        using var response = await _http.PutAsync($"/v2/{name}/manifests/{tag}", body);
        if (response.StatusCode != HttpStatusCode.Created) throw new InvalidOperationException($"put manifest: {response.StatusCode}");
    }

    /// <summary>Adds tags as files, which both take as truth when they start: a hundred thousand pushes would take too long.</summary>
    public async Task AddTagsAsync(string name, int count)
    {
        using (var response = await _http.GetAsync($"/v2/{name}/manifests/t0-0"))
        {
            var digest = RegistryBench.Digest(await response.Content.ReadAsByteArrayAsync());
            _peak = Peak();
            _process.Kill();
            await _process.WaitForExitAsync();
            for (int i = 0; i < count; i++)
            {
                var path = _isOurs ? $"{_root}/store/repositories/{name}/_tags/many-{i:D6}" : $"{_root}/store/docker/registry/v2/repositories/{name}/_manifests/tags/many-{i:D6}/current/link";
                if (!_isOurs) Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllTextAsync(path, _isOurs ? $$"""{"digest":"{{digest}}","updated":"2026-01-01T00:00:00+00:00"}""" : digest, Encoding.ASCII);
            }
        }
        _process = await _start();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        Directory.Delete(_root, recursive: true);
    }
}
