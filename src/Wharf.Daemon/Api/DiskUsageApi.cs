using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Volumes;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary><c>GET /system/df</c>: what takes disk space, by kind of object.</summary>
public static class DiskUsageApi
{
    private static readonly ApiVersion NoBuilderSizeSince = new(1, 42), TypesSince = new(1, 42);

    public static void Map(ApiRouter router) => router.Get("/system/df", ReportAsync);

    private static async Task ReportAsync(ApiContext context)
    {
        var types = context.Version < TypesSince ? [] : context.QueryAll("type");
        foreach (var type in types)
            if (type is not ("container" or "image" or "volume" or "build-cache")) throw WharfException.Invalid($"unknown object type: {type}");
        bool Wants(string type) => types.Count == 0 || types.Contains(type);
        var (engine, cancellation) = (context.Engine, context.Cancellation);
        var report = new SystemDataUsageResponse { LayersSize = 0 };
        if (Wants("image"))
        {
            report.LayersSize = await engine.Images.LayersSizeAsync(cancellation);
            report.Images = await engine.Images.ListAsync(new ImageQuery { SharedSize = true }, cancellation);
            VersionedFields.DiskUsage(context.Version, report.Images);
        }
        if (Wants("container")) report.Containers = await engine.Containers.ListAsync(new ContainerListOptions { All = true, Size = true }, cancellation);
        if (Wants("volume")) report.Volumes = [.. engine.Volumes.List().Select(volume => WithUsage(engine.Volumes, volume))];
        if (Wants("build-cache"))
        {
            report.BuildCache = engine.Builds.ListCache();
            if (context.Version < NoBuilderSizeSince && report.BuildCache.Sum(entry => entry.Size ?? 0) is > 0 and var size) report.BuilderSize = size;
        }
        await context.WriteJsonAsync(200, report, DockerApiJson.Default.SystemDataUsageResponse);
    }

    private static Volume WithUsage(VolumeService volumes, Volume volume) => volume with
    {
        UsageData = new VolumeUsageData { Size = VolumeService.SizeOf(volume), RefCount = volumes.UsersOf(volume.Name!).Count },
    };
}
