using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>What tests of <c>wharf registry copy</c> need: a registry, a directory, and the command.</summary>
public abstract class CopyTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("wharf-copies-");
    private HttpClient _http = null!;

    protected LocalRegistry Registry { get; private set; } = null!;
    private protected RegistryWriter Writer { get; private set; } = null!;
    protected string Work => _directory.FullName;

    public virtual async ValueTask InitializeAsync()
    {
        Registry = await LocalRegistry.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri($"http://{Registry.Address}/v2/") };
        Writer = new RegistryWriter(_http);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _http.Dispose();
        await Registry.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    protected static Task<CommandResult> CopyAsync(params string[] args) => CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "copy", .. args]);
}
