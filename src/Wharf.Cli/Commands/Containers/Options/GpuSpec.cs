using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>all</c>, a number, or <c>device=0,capabilities=utility,driver=nvidia</c>.</summary>
internal static class GpuSpec
{
    public static DeviceRequest Parse(string text)
    {
        string? driver = null;
        long? count = null;
        List<string>? devices = null, capabilities = null;
        Dictionary<string, string>? options = null;
        var used = new HashSet<string>();
        foreach (var field in CsvLine.Split(text))
        {
            var (key, value) = KeyValue.Split(field);
            if (!used.Add(key)) throw new FormatException($"gpu request key '{key}' can be specified only once");
            if (!field.Contains('=')) { count = Count(field); continue; }
            switch (key)
            {
                case "driver": driver = value; break;
                case "count": count = Count(value); break;
                case "device": devices = [.. value.Split(',')]; break;
                case "capabilities": capabilities = [.. value.Split(','), "gpu"]; break;
                case "options": options = KeyValue.ToMap(CsvLine.Split(value)); break;
                default: throw new FormatException($"unexpected key '{key}' in '{field}'");
            }
        }
        if (count is null && devices is null) count = 1;
        return new DeviceRequest { Driver = driver ?? "", Count = count ?? 0, DeviceIDs = devices, Capabilities = [capabilities ?? ["gpu"]], Options = options ?? [] };
    }

    private static long Count(string text)
    {
        if (text == "all") return -1;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count) ? count
            : throw new FormatException($"invalid count ({text}): value must be either \"all\" or an integer: invalid syntax");
    }
}
