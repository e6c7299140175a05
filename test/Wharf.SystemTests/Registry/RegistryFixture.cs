using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>A registry for all tests of a class.</summary>
public abstract class RegistryFixture : IAsyncLifetime
{
    private IAsyncDisposable? _store;

    public RegistryProcess Process { get; private set; } = null!;
    public RegistryApi Api { get; private set; } = null!;

    /// <summary>Starts the registry, and what it stores in if that is a server too.</summary>
    protected abstract Task<(RegistryProcess Registry, IAsyncDisposable? Store)> StartAsync();

    public async ValueTask InitializeAsync()
    {
        (Process, _store) = await StartAsync();
        Api = new RegistryApi(Process.Url);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Process.DisposeAsync();
        if (_store is not null) await _store.DisposeAsync();
    }
}

/// <summary><c>wharf registry serve</c> over a directory, open to everybody.</summary>
public sealed class WharfRegistryFixture : RegistryFixture
{
    protected override async Task<(RegistryProcess, IAsyncDisposable?)> StartAsync() => (await RegistryProcess.WharfAsync(), null);
}

/// <summary>The same over a bucket of an S3-compatible server.</summary>
public sealed class S3RegistryFixture : RegistryFixture
{
    protected override async Task<(RegistryProcess, IAsyncDisposable?)> StartAsync()
    {
        var server = await S3Server.StartAsync();
        return (await RegistryProcess.WharfAsync(server.Config()), server);
    }
}

/// <summary>The same over a container of Azure's emulator.</summary>
public sealed class AzureRegistryFixture : RegistryFixture
{
    protected override async Task<(RegistryProcess, IAsyncDisposable?)> StartAsync()
    {
        var server = await AzureServer.StartAsync();
        return (await RegistryProcess.WharfAsync(server.Config()), server);
    }
}

/// <summary>Debian's docker-registry.</summary>
public sealed class DebianRegistryFixture : RegistryFixture
{
    protected override async Task<(RegistryProcess, IAsyncDisposable?)> StartAsync() => (await RegistryProcess.DebianAsync(), null);
}
