using System.Globalization;

namespace Wharf.Engine.Images;

/// <summary>What the parts of the data root are for.</summary>
internal static class DiskUses
{
    /// <summary>The use of a path relative to the data root.</summary>
    public static string Of(string path, IReadOnlySet<long> writables)
    {
        var parts = path.Split('/');
        return parts[0] switch
        {
            "snapshots" when parts.Length > 1 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long number) =>
                writables.Contains(number) ? "containers' writable layers" : parts.Length > 2 && parts[2] is "tar" or "kept" ? "layers' metadata (to write their tars again)" : "image layers",
            "snapshots" => "image layers",
            "content" when parts.Length > 1 && parts[1] == "ingest" => "downloads not complete",
            "content" when parts.Length > 1 && parts[1] == "recipes" => "recipes of compressed layers",
            "content" => "manifests, configurations, kept blobs",
            "volumes" => "volumes",
            "containers" => "containers' files and logs",
            "build" or "builds" or "buildcache" => "build",
            _ when path.StartsWith("state.db", StringComparison.Ordinal) => "database",
            _ => "other",
        };
    }
}
