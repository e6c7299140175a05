using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build.Exporting;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The cache on its way to and from registries.</summary>
internal sealed class CacheTransfer
{
    public async Task ExportAsync(BuildJob job, ClientSession session, IReadOnlyList<LayoutImage> solved, ExportResult result, CancellationToken cancellation)
    {
        foreach (var entry in job.Request.Cache?.Exports ?? [])
        {
            throw WharfException.NotImplemented($"cache exporter {entry.Type} is not supported");
        }
        await Task.CompletedTask;
    }
}
