using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>Devices and their limits.</summary>
internal static class DeviceSpec
{
    /// <summary><c>host[:container][:rwm]</c>.</summary>
    public static DeviceMapping Parse(string text)
    {
        var parts = text.Split(':');
        var (container, mode) = parts.Length switch
        {
            1 => (parts[0], "rwm"),
            2 => IsMode(parts[1]) ? (parts[0], parts[1]) : (parts[1], "rwm"),
            3 => (parts[1], parts[2]),
            _ => throw new CliException($"invalid device specification: {text}", 125),
        };
        if (container is not ['/', ..]) throw new CliException(parts.Length == 3 || container == parts[0] ? $"{container} is not an absolute path" : $"bad mode specified: {container}", 125);
        if (!IsMode(mode)) throw new CliException($"bad mode specified: {mode}", 125);
        return new DeviceMapping { PathOnHost = parts[0], PathInContainer = container == "" ? parts[0] : container, CgroupPermissions = mode };
    }

    /// <summary>A name of the container device interface (CDI): <c>vendor/class=name</c>.</summary>
    public static bool IsCdi(string text) => !text.StartsWith('/') && text.IndexOf('/') is > 0 and var slash && text.IndexOf('=') > slash;

    private static bool IsMode(string text) => text != "" && text.All(c => c is 'r' or 'w' or 'm') && text.Distinct().Count() == text.Length;

    public static List<ThrottleDevice>? Throttles(IEnumerable<string> values)
    {
        var list = values.Select(value => value.Split(':', 2)).Select(parts => new ThrottleDevice { Path = parts[0], Rate = Units.ParseBytes(parts[1]) }).ToList();
        return list.Count == 0 ? null : list;
    }

    public static List<HostConfigBlkioWeightDevice>? Weights(IEnumerable<string> values)
    {
        var list = values.Select(value => value.Split(':', 2)).Select(parts => new HostConfigBlkioWeightDevice { Path = parts[0], Weight = Units.ParseBytes(parts[1]) }).ToList();
        return list.Count == 0 ? null : list;
    }
}
