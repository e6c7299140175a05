using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>A store on 127.0.0.1 that registries share.</summary>
public abstract class StoreServer : IAsyncDisposable
{
    protected RegistryProcess Process { get; } = new();

    /// <summary>A registry's configuration over it, with more keys of <c>storage</c>.</summary>
    public abstract string Config(string more = "");

    /// <summary>How <c>--cache-to</c> and <c>--cache-from</c> name it.</summary>
    public abstract string CacheAttributes { get; }

    /// <summary>Objects under the registry's prefix that begin with a word; null where that cannot be seen from outside.</summary>
    public virtual IReadOnlyList<string>? Keys(string begin) => null;

    /// <summary>Installs a package of npm once for all runs, beside the tests' other caches. Skips the test where it cannot be had.</summary>
    protected static async Task<string> InstallAsync(string package)
    {
        var directory = Path.Combine("/var/tmp/wharf-test/node", package.Replace('@', '-'));
        var done = Path.Combine(directory, "complete");
        await _installing.WaitAsync();
        try
        {
            if (File.Exists(done)) return directory;
            var install = await CommandResult.RunAsync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error", "--prefix", directory, package], seconds: 240);
            Assert.SkipWhen(install.ExitCode != 0, $"npm cannot fetch {package}: {install.Error}");
            await File.WriteAllTextAsync(done, "");
            return directory;
        }
        finally { _installing.Release(); }
    }

    private static readonly SemaphoreSlim _installing = new(1, 1);

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}

/// <summary>A real S3-compatible server, from npm (s3rver), with one bucket.</summary>
public sealed class S3Server : StoreServer
{
    public override string Config(string more = "") =>
        $$"""{ "storage": { "type": "s3", {{more}} "endpoint": "http://127.0.0.1:{{Process.Port}}", "bucket": "images", "prefix": "registry", "access-key": "S3RVER", "secret-key": "S3RVER" } }""";

    public override string CacheAttributes => $"type=s3,endpoint_url=http://127.0.0.1:{Process.Port},use_path_style=true,bucket=images,region=us-east-1,access_key_id=S3RVER,secret_access_key=S3RVER";

    public override IReadOnlyList<string> Keys(string begin) => Below(Path.Combine("registry", begin));

    /// <summary>The files of objects below a directory of the bucket.</summary>
    public IReadOnlyList<string> Below(string directory)
    {
        var root = Path.Combine(Process.Root, "s3", "images", directory);
        return !Directory.Exists(root) ? [] : [.. Directory.EnumerateFiles(root, "*_object", SearchOption.AllDirectories)];
    }

    public static async Task<S3Server> StartAsync()
    {
        var modules = await InstallAsync("s3rver@3.7.1");
        var server = new S3Server();
        var script = Path.Combine(server.Process.Root, "serve.js");
        await File.WriteAllTextAsync(script, $$"""
            const S3rver = require('{{modules}}/node_modules/s3rver');
            new S3rver({ address: '127.0.0.1', port: {{server.Process.Port}}, silent: true, directory: '{{server.Process.Root}}/s3', configureBuckets: [{ name: 'images' }] }).run(error => console.log(error ? String(error) : 's3 ready'));
            """);
        await server.Process.RunAsync("node", [script], "s3 ready");
        return server;
    }
}

/// <summary>Microsoft's own emulator of Azure's Blob service, from npm (azurite), with an account and a key of the test's.</summary>
public sealed class AzureServer : StoreServer
{
    private const string Account = "wharftest";
    public override string CacheAttributes => $"type=azblob,account_url=http://127.0.0.1:{Process.Port}/{Account},account_name={Account},secret_access_key={_key},container=cache";
    public static string Key => _key;
    private static readonly string _key = Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));

    public override string Config(string more = "") =>
        $$"""{ "storage": { "type": "azure", {{more}} "endpoint": "http://127.0.0.1:{{Process.Port}}/{{Account}}", "bucket": "images", "prefix": "registry", "access-key": "{{Account}}", "secret-key": "{{_key}}" } }""";

    public static async Task<AzureServer> StartAsync()
    {
        var modules = await InstallAsync("azurite@3.35.0");
        var server = new AzureServer();
        await server.Process.RunAsync("env", [$"AZURITE_ACCOUNTS={Account}:{_key}", "node", $"{modules}/node_modules/azurite/dist/src/blob/main.js", "--location", server.Process.Root, "--blobHost", "127.0.0.1", "--blobPort", server.Process.Port.ToString(), "--silent", "--disableTelemetry"], "successfully listens on");
        return server;
    }
}
