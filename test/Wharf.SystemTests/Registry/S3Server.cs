using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Registry;

/// <summary>A real S3-compatible server on 127.0.0.1, from npm (s3rver), with one bucket; and registries over it.</summary>
public sealed class S3Server : IAsyncDisposable
{
    private const string Package = "s3rver@3.7.1";
    private readonly RegistryProcess _process = new();

    public string Config(string prefix = "registry") =>
        $$"""{ "storage": { "type": "s3", "endpoint": "http://127.0.0.1:{{_process.Port}}", "bucket": "images", "prefix": "{{prefix}}", "access-key": "S3RVER", "secret-key": "S3RVER" } }""";

    /// <summary>Keys of the bucket under the registry's prefix that begin with a word.</summary>
    public IReadOnlyList<string> Keys(string begin)
    {
        var root = Path.Combine(_process.Root, "s3", "images", "registry", begin);
        return !Directory.Exists(root) ? [] : [.. Directory.EnumerateFiles(root, "*_object", SearchOption.AllDirectories)];
    }

    public static async Task<S3Server> StartAsync()
    {
        var modules = await InstallAsync();
        var server = new S3Server();
        var script = Path.Combine(server._process.Root, "serve.js");
        await File.WriteAllTextAsync(script, $$"""
            const S3rver = require('{{modules}}/node_modules/s3rver');
            new S3rver({ address: '127.0.0.1', port: {{server._process.Port}}, silent: true, directory: '{{server._process.Root}}/s3', configureBuckets: [{ name: 'images' }] }).run(error => console.log(error ? String(error) : 's3 ready'));
            """);
        await server._process.RunAsync("node", [script], "s3 ready");
        return server;
    }

    /// <summary>Installs the package once for all runs, beside the tests' other caches.</summary>
    private static async Task<string> InstallAsync()
    {
        var directory = Path.Combine(Path.GetTempPath(), "wharf-test-" + Package.Replace('@', '-'));
        if (!Directory.Exists(Path.Combine(directory, "node_modules", "s3rver")))
            (await CommandResult.RunAsync("npm", ["install", "--no-audit", "--no-fund", "--silent", "--prefix", directory, Package], seconds: 240)).ShouldExit(0);
        return directory;
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
