using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Copying;

/// <summary>What the daemon says of a path in a container: the header <c>X-Docker-Container-Path-Stat</c>, base64 of JSON with Go's file mode bits.</summary>
internal sealed record PathStat(string Name, long Size, uint Mode, string LinkTarget)
{
    public bool IsDirectory => (Mode & GoFileMode.Directory) != 0;
    public bool IsSymbolicLink => (Mode & GoFileMode.Symlink) != 0;

    public static PathStat? FromHeader(ResponseHead head)
    {
        if (head["X-Docker-Container-Path-Stat"] is not { Length: > 0 } encoded) return null;
        using var document = JsonDocument.Parse(Convert.FromBase64String(encoded.Replace('-', '+').Replace('_', '/')));
        var root = document.RootElement;
        return new PathStat(
            root.GetProperty("name").GetString() ?? "", root.GetProperty("size").GetInt64(), root.GetProperty("mode").GetUInt32(),
            root.TryGetProperty("linkTarget", out var target) ? target.GetString() ?? "" : "");
    }
}
