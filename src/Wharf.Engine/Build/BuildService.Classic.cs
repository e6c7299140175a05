using Wharf.Engine.Build.Classic;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>Docker's builder from before BuildKit.</summary>
public sealed partial class BuildService
{
    /// <summary>Builds step by step, tells each, and gives the image its names. <paramref name="unused"/> gets the arguments of the caller that no ARG asked for.</summary>
    public async Task<Digest> BuildClassicAsync(BuildRequest request, BuildContexts contexts, ClassicReport report, Action<IReadOnlyList<string>> unused, CancellationToken cancellation)
    {
        var parts = Parts(request, contexts);
        var build = new ClassicBuild(parts, (name, platform, pulls, cancel) => BaseImageAsync(request, name, platform, pulls, cancel), _flights, report);
        try
        {
            var image = await build.RunAsync(cancellation);
            unused(build.Planned.UnusedArguments);
            foreach (var tag in request.Tags) await _images.TagAsync(image, tag, cancellation);
            return image;
        }
        finally
        {
            if (request.Name.Length > 0 && !parts.Fates.IsEmpty) _reasons.Write(request, build.Planned, parts.Fates);
            RemoveContext(parts.RunDirectory);
            RemoveContext(parts.FetchDirectory);
            CollectLater();
        }
    }

    private BuildParts Parts(BuildRequest request, BuildContexts contexts)
    {
        var id = Guid.NewGuid().ToString("n");
        return new BuildParts
        {
            Options = _options, Snapshots = _snapshots, Images = _images, Containers = _containers, Cache = _cache, CacheMounts = _cacheMounts, Request = request, Contexts = contexts,
            RunDirectory = Path.Combine(_runDirectory, id), FetchDirectory = Path.Combine(_directory, "fetch", id),
        };
    }
}
