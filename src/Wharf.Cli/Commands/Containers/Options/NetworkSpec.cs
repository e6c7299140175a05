using System.Globalization;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>--network NAME</c>, or the long form <c>name=…,alias=…,ip=…,driver-opt=…</c>.</summary>
internal sealed record NetworkSpec(string Target)
{
    public List<string> Aliases { get; } = [];
    public List<string> LinkLocalIps { get; } = [];
    public Dictionary<string, string> DriverOpts { get; } = [];
    public string Ip { get; set; } = "";
    public string Ip6 { get; set; } = "";
    public string MacAddress { get; set; } = "";
    public long GwPriority { get; set; }

    public static NetworkSpec Parse(string text)
    {
        if (!text.Contains('=')) return new NetworkSpec(text);
        var fields = CsvLine.Split(text).Select(field => (Field: field, Pair: KeyValue.Split(field))).ToList();
        var target = fields.LastOrDefault(field => field.Pair.Key == "name").Pair.Value ?? "";
        if (target == "") throw new CliException("network name/id is not specified", 125);
        var network = new NetworkSpec(target);
        foreach (var (field, (key, value)) in fields)
        {
            if (!field.Contains('=')) throw new CliException($"invalid field {field} must be a key=value pair", 125);
            switch (key.Trim().ToLowerInvariant())
            {
                case "name": break;
                case "alias": network.Aliases.Add(value); break;
                case "ip": network.Ip = value; break;
                case "ip6": network.Ip6 = value; break;
                case "mac-address": network.MacAddress = value; break;
                case "link-local-ip": network.LinkLocalIps.Add(value); break;
                case "driver-opt":
                    var (option, setting) = KeyValue.Split(value);
                    network.DriverOpts[option] = setting;
                    break;
                case "gw-priority":
                    network.GwPriority = long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var priority) ? priority
                        : throw new CliException($"invalid gw-priority ({value}): invalid syntax", 125);
                    break;
                default: throw new CliException($"invalid field key {key}", 125);
            }
        }
        return network;
    }

    /// <summary>Whether it is a network of the user's own, where names and addresses can be given.</summary>
    public bool IsUserDefined => Target is not ("default" or "bridge" or "host" or "none" or "") && !Target.StartsWith("container:", StringComparison.Ordinal);
}
