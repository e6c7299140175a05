using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary><c>HostConfig.StorageOpt</c>: <c>size</c>, the most bytes that a container's writable layer may hold.</summary>
internal static class StorageRules
{
    /// <summary>Bytes; null where no size is asked for.</summary>
    public static long? SizeOf(Dictionary<string, string>? options)
    {
        long? size = null;
        foreach (var (key, value) in options ?? [])
        {
            if (!key.Equals("size", StringComparison.OrdinalIgnoreCase)) throw WharfException.Invalid($"Unknown option {key}");
            size = LogRules.ParseSize(value) ?? throw WharfException.Invalid($"invalid size: '{value}'");
        }
        return size;
    }

    /// <summary>Refuses a size where the file system of the data root counts no projects.</summary>
    public static void Check(Dictionary<string, string>? options, Func<bool> limitsSizes)
    {
        if (SizeOf(options) is not null && !limitsSizes())
            throw WharfException.NotImplemented("--storage-opt size is supported only where the data root lies on xfs or ext4 mounted with 'pquota' (prjquota)");
    }
}
