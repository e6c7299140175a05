using Wharf.Engine.Images.Registry;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Caching;

/// <summary>Cached steps in a repository of a registry.</summary>
internal sealed class RegistryCache(string name, RegistryClient client) : ICacheSource
{
    public string Name => name;

    public async Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation) => (await client.OpenBlobAsync(blob, cancellation)).Stream;

    public void Dispose() => client.Dispose();
}
