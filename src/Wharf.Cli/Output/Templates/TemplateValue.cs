using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Wharf.Cli.Output.Templates;

/// <summary>Values in templates: null, bool, long, double, string, lists and <see cref="TemplateObject"/>; how Go prints and judges them.</summary>
internal static class TemplateValue
{
    /// <summary>Fields of the Engine API that are maps in Go; every other JSON object is a struct there.</summary>
    private static readonly HashSet<string> Maps =
    [
        "Labels", "Options", "Networks", "Ports", "ExposedPorts", "Volumes", "PortBindings", "Sysctls", "Tmpfs", "StorageOpt", "Annotations",
        "DriverOpts", "Data", "Containers", "Attributes", "Details", "AuxiliaryAddresses", "Runtimes", "IndexConfigs", "Status",
    ];
    /// <summary>Fields that are lists in Go, for telling an empty one from an empty pointer when the JSON says null.</summary>
    private static readonly HashSet<string> Lists =
    [
        "Env", "Cmd", "Entrypoint", "OnBuild", "Shell", "Binds", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt",
        "Devices", "DeviceCgroupRules", "DeviceRequests", "Ulimits", "MaskedPaths", "ReadonlyPaths", "Mounts", "RepoTags", "RepoDigests", "Layers", "ExecIDs", "Aliases", "DNSNames",
        "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Warnings", "Log", "Config",
    ];

    public static object? FromJson(JsonElement element, string name = "", bool isMap = false) => element.ValueKind switch
    {
        JsonValueKind.Object => FromObject(element, name, isMap || Maps.Contains(name)),
        JsonValueKind.Array => element.EnumerateArray().Select(item => FromJson(item)).ToList(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => element.TryGetInt64(out var whole) ? (object)whole : element.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => Maps.Contains(name) ? new TemplateObject { IsMap = true, TypeName = "nil" } : Lists.Contains(name) ? NilList.Instance : null,
    };

    private static TemplateObject FromObject(JsonElement element, string name, bool isMap)
    {
        var result = new TemplateObject { IsMap = isMap };
        foreach (var property in element.EnumerateObject()) result[property.Name] = FromJson(property.Value, isMap ? "" : property.Name, name == "LogConfig" && property.Name == "Config");
        return result;
    }

    /// <summary>Go's truth: neither zero nor empty.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        IReadOnlyList<object?> list => list.Count > 0,
        TemplateObject { IsMap: true } map => map.Count > 0,
        _ => true,
    };

    /// <summary>As <c>%v</c> prints it.</summary>
    public static string Print(object? value, bool isTop = true) => value switch
    {
        null => isTop ? "<no value>" : "<nil>",
        bool flag => flag ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => GoFormat.Shortest(number),
        string text => text,
        IReadOnlyList<object?> list => $"[{string.Join(' ', list.Select(item => Print(item, isTop: false)))}]",
        TemplateObject { IsMap: true } map => $"map[{string.Join(' ', Sorted(map).Select(pair => $"{pair.Key}:{Print(pair.Value, isTop: false)}"))}]",
        TemplateObject fields => $"{{{string.Join(' ', fields.Fields.Select(pair => Print(Force(pair.Value), isTop: false)))}}}",
        Func<object?> lazy => Print(lazy(), isTop),
        _ => value.ToString() ?? "",
    };

    private static object? Force(object? value) => value is Func<object?> lazy ? lazy() : value;

    private static IEnumerable<KeyValuePair<string, object?>> Sorted(TemplateObject map) => map.Fields.OrderBy(pair => pair.Key, StringComparer.Ordinal);

    /// <summary>One line of JSON. Rows of a list escape HTML and sort their names, as docker's formatter does; values from the API do not.</summary>
    public static string ToJson(object? value)
    {
        var isRow = value is TemplateObject { IsRow: true };
        var text = new StringBuilder();
        WriteJson(text, value, isRow, isRow);
        return text.ToString();
    }

    private static void WriteJson(StringBuilder text, object? value, bool escapeHtml, bool isSorted)
    {
        switch (value)
        {
            case null or NilList or TemplateObject { TypeName: "nil" }:
                text.Append("null");
                break;
            case string s:
                WriteJson(text, s, escapeHtml);
                break;
            case IReadOnlyList<object?> list:
                text.Append('[');
                for (var i = 0; i < list.Count; i++)
                {
                    if (i > 0) text.Append(',');
                    WriteJson(text, list[i], escapeHtml, isSorted);
                }
                text.Append(']');
                break;
            case TemplateObject fields:
                WriteObject(text, fields, escapeHtml, isSorted);
                break;
            default:
                text.Append(Print(value));
                break;
        }
    }

    private static void WriteObject(StringBuilder text, TemplateObject fields, bool escapeHtml, bool isSorted)
    {
        text.Append('{');
        var isFirst = true;
        foreach (var (key, value) in isSorted || fields.IsMap ? Sorted(fields) : fields.Fields)
        {
            if (value is TemplateMethod) continue;
            if (!isFirst) text.Append(',');
            isFirst = false;
            WriteJson(text, key, escapeHtml);
            text.Append(':');
            WriteJson(text, Force(value), escapeHtml, isSorted);
        }
        text.Append('}');
    }

    private static void WriteJson(StringBuilder text, string value, bool escapeHtml)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                '<' or '>' or '&' when escapeHtml => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                < ' ' or '\u2028' or '\u2029' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        text.Append('"');
    }
}

/// <summary>Go's nil slice: empty and printed as <c>[]</c>, but null in JSON.</summary>
internal sealed class NilList : List<object?>
{
    public static NilList Instance { get; } = [];
}
