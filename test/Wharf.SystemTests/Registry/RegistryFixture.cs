using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>A registry for all tests of a class.</summary>
public abstract class RegistryFixture(Func<Task<RegistryProcess>> start) : IAsyncLifetime
{
    public RegistryProcess Process { get; private set; } = null!;
    public RegistryApi Api { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Process = await start();
        Api = new RegistryApi(Process.Url);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Process.DisposeAsync();
    }
}

/// <summary><c>wharf registry serve</c> over a directory, open to everybody.</summary>
public sealed class WharfRegistryFixture() : RegistryFixture(() => RegistryProcess.WharfAsync());

/// <summary>Debian's docker-registry.</summary>
public sealed class DebianRegistryFixture() : RegistryFixture(RegistryProcess.DebianAsync);
