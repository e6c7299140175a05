using System.Globalization;

namespace Wharf.Daemon.Http;

/// <summary>A version of the Engine API, <c>1.24</c> to <c>1.51</c>.</summary>
public readonly record struct ApiVersion(int Major, int Minor) : IComparable<ApiVersion>
{
    public static readonly ApiVersion Oldest = new(1, 24);
    public static readonly ApiVersion Newest = new(1, 51);

    public int CompareTo(ApiVersion other) => Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);
    public static bool operator <(ApiVersion a, ApiVersion b) => a.CompareTo(b) < 0;
    public static bool operator >(ApiVersion a, ApiVersion b) => a.CompareTo(b) > 0;
    public static bool operator <=(ApiVersion a, ApiVersion b) => a.CompareTo(b) <= 0;
    public static bool operator >=(ApiVersion a, ApiVersion b) => a.CompareTo(b) >= 0;

    public override string ToString() => $"{Major}.{Minor}";

    /// <summary>Takes <c>/vN.M</c> or <c>/vN</c> off the front of a path; false when there is no version prefix.</summary>
    public static bool TryTakePrefix(ref ReadOnlySpan<char> path, out ApiVersion version)
    {
        version = Newest;
        if (!path.StartsWith("/v")) return false;
        int end = path[1..].IndexOf('/') + 1;
        if (end == 0) return false;
        var text = path[2..end];
        int dot = text.IndexOf('.'), minor = 0;
        // What comes after a second point has never counted.
        if (dot >= 0 && text[(dot + 1)..].IndexOf('.') is >= 0 and var second) text = text[..(dot + 1 + second)];
        if (!int.TryParse(dot < 0 ? text : text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int major) ||
            (dot >= 0 && !int.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out minor))) return false;
        version = new ApiVersion(major, minor);
        path = path[end..];
        return true;
    }
}
