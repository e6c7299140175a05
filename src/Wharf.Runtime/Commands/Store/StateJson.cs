using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Wharf.Runtime.Commands.Store;

/// <summary>The state of a container as JSON, by hand for the same reason as <see cref="Wharf.Specs.Runtime.SpecJson"/>.</summary>
internal static class StateJson
{
    private const string Time = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    /// <summary>A state as one line.</summary>
    public static ReadOnlySpan<byte> Write(ContainerState state)
    {
        var line = new ArrayBufferWriter<byte>(2048);
        // The encoder of documents that are shown (see Document) takes longer to wake than all of this.
        using (var json = new Utf8JsonWriter(line)) Write(json, state);
        line.Write("\n"u8);
        return line.WrittenSpan;
    }

    /// <summary>The last whole line of what <see cref="Write(ContainerState)"/> gave; none where the first was not written to its end.</summary>
    public static ReadOnlySpan<byte> Last(ReadOnlySpan<byte> lines)
    {
        int end = lines.LastIndexOf((byte)'\n');
        return end < 0 ? default : lines[(lines[..end].LastIndexOf((byte)'\n') + 1)..end];
    }

    private static void Write(Utf8JsonWriter json, ContainerState state)
    {
        json.WriteStartObject();
        json.WriteString("id", state.Id);
        json.WriteString("ociVersion", state.OciVersion);
        json.WriteNumber("init_process_pid", state.InitPid);
        json.WriteNumber("init_process_start", state.InitStart);
        json.WriteString("created", state.Created.ToString(Time, CultureInfo.InvariantCulture));
        json.WriteString("bundle", state.Bundle);
        json.WriteString("rootfs", state.Rootfs);
        json.WriteString("owner", state.Owner);
        json.WriteString("cgroup_path", state.CgroupPath);
        if (state.CgroupUnit is not null) json.WriteString("cgroup_unit", state.CgroupUnit);
        if (state.CgroupSlice is not null) json.WriteString("cgroup_slice", state.CgroupSlice);
        if (state.IntelRdtPath is not null) json.WriteString("intel_rdt_path", state.IntelRdtPath);
        if (state.IntelRdtOwn is { } own) json.WriteBoolean("intel_rdt_own", own);
        WriteMap(json, "cgroup_paths", state.CgroupPaths);
        WriteMap(json, "namespace_paths", state.NamespacePaths);
        WriteMap(json, "annotations", state.Annotations);
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, ContainerSummary summary)
    {
        json.WriteStartObject();
        json.WriteString("ociVersion", summary.OciVersion);
        json.WriteString("id", summary.Id);
        json.WriteNumber("pid", summary.Pid);
        json.WriteString("status", summary.Status);
        json.WriteString("bundle", summary.Bundle);
        json.WriteString("rootfs", summary.Rootfs);
        json.WriteString("created", summary.Created.ToString(Time, CultureInfo.InvariantCulture));
        WriteMap(json, "annotations", summary.Annotations);
        json.WriteString("owner", summary.Owner);
        json.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter json, string name, Dictionary<string, string>? map)
    {
        if (map is null) return;
        json.WriteStartObject(name);
        foreach (var (key, value) in map) json.WriteString(key, value);
        json.WriteEndObject();
    }

    /// <summary>A document, as Go's encoder writes it: on lines of its own, or in one.</summary>
    public static byte[] Document(bool indented, Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) write(json);
        return bytes.WrittenSpan.ToArray();
    }

    public static ContainerState Read(ReadOnlySpan<byte> utf8)
    {
        var json = new Utf8JsonReader(utf8);
        var state = new ContainerState();
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject) throw new JsonException("state.json is no object");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString();
            json.Read();
            switch (name)
            {
                case "id": state.Id = json.GetString() ?? ""; break;
                case "ociVersion": state.OciVersion = json.GetString() ?? ""; break;
                case "init_process_pid": state.InitPid = json.GetInt32(); break;
                case "init_process_start": state.InitStart = json.GetUInt64(); break;
                case "created": state.Created = json.GetDateTime(); break;
                case "bundle": state.Bundle = json.GetString() ?? ""; break;
                case "rootfs": state.Rootfs = json.GetString() ?? ""; break;
                case "owner": state.Owner = json.GetString() ?? ""; break;
                case "cgroup_path": state.CgroupPath = json.GetString() ?? ""; break;
                case "cgroup_unit": state.CgroupUnit = json.GetString(); break;
                case "cgroup_slice": state.CgroupSlice = json.GetString(); break;
                case "intel_rdt_path": state.IntelRdtPath = json.GetString(); break;
                case "intel_rdt_own": state.IntelRdtOwn = json.GetBoolean(); break;
                case "cgroup_paths": state.CgroupPaths = ReadMap(ref json); break;
                case "namespace_paths": state.NamespacePaths = ReadMap(ref json); break;
                case "annotations": state.Annotations = ReadMap(ref json); break;
                default: json.Skip(); break;
            }
        }
        return state;
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader json)
    {
        var map = new Dictionary<string, string>();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            json.Read();
            map[key] = json.GetString() ?? "";
        }
        return map;
    }
}
