using System.Text.Json.Nodes;
using Wharf.Specs.Yaml;

namespace Wharf.Engine.Containers.Devices;

/// <summary>What a device asks of a container: the parts of its OCI configuration that are added.</summary>
internal sealed record CdiEdits
{
    public List<string> Environment { get; init; } = [];
    public List<CdiDeviceNode> DeviceNodes { get; init; } = [];
    public List<CdiMount> Mounts { get; init; } = [];
    public List<CdiHook> Hooks { get; init; } = [];
    public List<uint> AdditionalGids { get; init; } = [];
    /// <summary>Interfaces of the host that move into the container, with their names there.</summary>
    public List<(string Host, string Name)> Interfaces { get; init; } = [];
    public Specs.Runtime.LinuxIntelRdt? IntelRdt { get; init; }
}

internal sealed record CdiDeviceNode(string Path, string HostPath, string Type, long? Major, long? Minor, uint? FileMode, string Permissions, uint? Uid, uint? Gid);

internal sealed record CdiMount(string HostPath, string ContainerPath, string Type, List<string> Options);

internal sealed record CdiHook(string Stage, string Path, List<string>? Args, List<string>? Environment, int? Timeout);

internal sealed record CdiDevice(string Name, CdiEdits Edits, IReadOnlyDictionary<string, string> Annotations);

/// <summary>One file of the Container Device Interface, version 1.1.0 and all before: the devices of a kind (<c>vendor/class</c>), and what is done once for any of them. A device has the annotations of its file too.</summary>
internal sealed record CdiSpec(string Path, string Kind, List<CdiDevice> Devices, CdiEdits Edits)
{
    private static readonly Version Newest = new(1, 1, 0);
    private static readonly string[] Stages = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    /// <summary>FormatException, in the words of docker's library, for what is no valid specification.</summary>
    public static CdiSpec Read(string path, string text)
    {
        JsonObject root;
        try { root = (path.EndsWith(".json", StringComparison.Ordinal) ? JsonNode.Parse(text) : YamlReader.Read(text)) as JsonObject ?? throw new FormatException("no mapping"); }
        catch (Exception error) when (error is System.Text.Json.JsonException or FormatException) { throw new FormatException($"failed to parse CDI Spec \"{path}\": {error.Message}", error); }
        try
        {
            var spec = new CdiSpec(path, Text(root, "kind"), [.. Items(root, "devices").Select(device => new CdiDevice(Text(device, "name"), EditsOf(device["containerEdits"]), AnnotationsOf(root, device)))], EditsOf(root["containerEdits"]));
            spec.Check(root);
            return spec;
        }
        catch (Exception error) when (error is FormatException or InvalidOperationException) { throw new FormatException($"invalid CDI Spec: {error.Message}", error); }
    }

    private void Check(JsonObject root)
    {
        var text = Text(root, "cdiVersion");
        if (!Version.TryParse(text, out var version) || version.Build < 0 || version > Newest) throw new FormatException($"invalid version \"{text}\"");
        if (!IsKind(Kind)) throw new FormatException($"invalid kind \"{Kind}\"");
        foreach (var device in Devices)
            if (!IsName(device.Name, "-_.:", char.IsAsciiLetterOrDigit)) throw new FormatException($"invalid device name \"{device.Name}\"");
        if (Devices.Select(static device => device.Name).Distinct(StringComparer.Ordinal).Count() < Devices.Count) throw new FormatException("multiple devices of the same name");
        if (Devices.Count == 0) throw new FormatException("no devices");
        if (Needed(root) is var needed && version < needed) throw new FormatException($"the spec version must be at least v{needed}");
    }

    /// <summary>The version in which what the file says came.</summary>
    private Version Needed(JsonObject root)
    {
        var all = Devices.Select(static device => device.Edits).Append(Edits).ToList();
        if (all.Exists(static edits => edits.Interfaces.Count > 0 || edits.IntelRdt is { Schemata: not null } or { EnableMonitoring: not null })) return new Version(1, 1, 0);
        if (all.Exists(static edits => edits.AdditionalGids.Count > 0 || edits.IntelRdt is not null)) return new Version(0, 7, 0);
        if (root["annotations"] is not null || Items(root, "devices").Any(static device => device["annotations"] is not null) || Kind.Split('/')[1].Contains('.')) return new Version(0, 6, 0);
        if (Devices.Exists(static device => char.IsAsciiDigit(device.Name[0])) || all.Exists(static edits => edits.DeviceNodes.Exists(static node => node.HostPath.Length > 0))) return new Version(0, 5, 0);
        return all.Exists(static edits => edits.Mounts.Exists(static mount => mount.Type.Length > 0)) ? new Version(0, 4, 0) : new Version(0, 3, 0);
    }

    internal static bool IsKind(string kind) => kind.Split('/') is [var vendor, var type] && IsName(vendor, "-_.", char.IsAsciiLetter) && IsName(type, "-_.", char.IsAsciiLetter);

    private static bool IsName(string name, string others, Func<char, bool> begins) => name.Length > 0 && begins(name[0]) && char.IsAsciiLetterOrDigit(name[^1]) && name.All(letter => char.IsAsciiLetterOrDigit(letter) || others.Contains(letter));

    private static CdiEdits EditsOf(JsonNode? node)
    {
        if (node is null) return new CdiEdits();
        var edits = new CdiEdits
        {
            Environment = Texts(node, "env") ?? [],
            DeviceNodes = [.. Items(node, "deviceNodes").Select(static device => new CdiDeviceNode(Text(device, "path"), Text(device, "hostPath"), Text(device, "type"), Number(device, "major"), Number(device, "minor"), (uint?)Number(device, "fileMode"), Text(device, "permissions"), (uint?)Number(device, "uid"), (uint?)Number(device, "gid")))],
            Mounts = [.. Items(node, "mounts").Select(static mount => new CdiMount(Text(mount, "hostPath"), Text(mount, "containerPath"), Text(mount, "type"), Texts(mount, "options") ?? []))],
            Hooks = [.. Items(node, "hooks").Select(static hook => new CdiHook(Text(hook, "hookName"), Text(hook, "path"), Texts(hook, "args"), Texts(hook, "env"), (int?)Number(hook, "timeout")))],
            AdditionalGids = [.. Texts(node, "additionalGids")?.Select(static text => (uint)Parse("additionalGids", text)).Where(static gid => gid != 0) ?? []],
            Interfaces = [.. Items(node, "netDevices").Select(static device => (Text(device, "hostInterfaceName"), Text(device, "name")))],
            IntelRdt = node["intelRdt"] is JsonObject rdt ? new Specs.Runtime.LinuxIntelRdt { ClosId = TextOrNull(rdt, "closID"), L3CacheSchema = TextOrNull(rdt, "l3CacheSchema"), MemBwSchema = TextOrNull(rdt, "memBwSchema"), Schemata = Texts(rdt, "schemata"), EnableMonitoring = Truth(rdt, "enableMonitoring") } : null,
        };
        foreach (var variable in edits.Environment)
            if (variable.IndexOf('=') <= 0) throw new FormatException($"invalid environment variable \"{variable}\"");
        foreach (var device in edits.DeviceNodes)
        {
            if (!device.Path.StartsWith('/')) throw new FormatException("invalid (empty) device path");
            if (device.Type is not ("" or "b" or "c" or "u")) throw new FormatException($"device \"{device.Path}\": invalid type \"{device.Type}\"");
            if (device.Permissions.AsSpan().ContainsAnyExcept("rwm")) throw new FormatException($"device \"{device.Path}\": invalid permissions \"{device.Permissions}\"");
        }
        foreach (var mount in edits.Mounts)
            if (!mount.HostPath.StartsWith('/') || !mount.ContainerPath.StartsWith('/')) throw new FormatException("invalid mount, empty host or container path");
        foreach (var hook in edits.Hooks)
            if (!Stages.Contains(hook.Stage) || !hook.Path.StartsWith('/')) throw new FormatException($"invalid hook \"{hook.Stage}\", path \"{hook.Path}\"");
        return edits;
    }

    private static Dictionary<string, string> AnnotationsOf(JsonNode file, JsonNode device)
    {
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var node in new[] { file["annotations"], device["annotations"] })
            foreach (var (key, value) in node?.AsObject() ?? []) annotations[key] = value?.ToString() ?? "";
        return annotations;
    }

    private static IEnumerable<JsonNode> Items(JsonNode node, string name) => node[name]?.AsArray().Select(static item => item ?? throw new FormatException("an item is empty")) ?? [];

    private static List<string>? Texts(JsonNode node, string name) => node[name] is { } items ? [.. items.AsArray().Select(static item => item?.ToString() ?? "")] : null;

    private static string Text(JsonNode node, string name) => node[name]?.ToString() ?? "";

    private static string? TextOrNull(JsonNode node, string name) => node[name]?.ToString();

    private static bool? Truth(JsonNode node, string name) => TextOrNull(node, name) switch { null => null, "true" => true, "false" => false, var other => throw new FormatException($"{name}: \"{other}\" is neither true nor false") };

    private static long? Number(JsonNode node, string name) => node[name] is { } number ? Parse(name, number.ToString()) : null;

    private static long Parse(string name, string text) => uint.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out uint value) ? value : throw new FormatException($"{name}: \"{text}\" is no number");
}
