using System.Text.Json;
using Wharf.BuildKit.Protocol.Ops;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>Operations of RUN in protobuf's JSON, as errors carry them: a client that reads one must come to the same bytes, and so to the same digest, as the graph has.</summary>
internal static class LlbJson
{
    public static void Write(Utf8JsonWriter json, Op operation)
    {
        json.WriteStartObject();
        json.WriteStartArray("inputs");
        foreach (var input in operation.Inputs)
        {
            json.WriteStartObject();
            json.WriteString("digest", input.Digest);
            json.WriteNumber("index", input.Index);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        Write(json, operation.Exec);
        if (operation.Platform is { } platform)
        {
            json.WriteStartObject("platform");
            json.WriteString("Architecture", platform.Architecture);
            json.WriteString("OS", platform.Os);
            json.WriteString("Variant", platform.Variant);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    public static void WriteTexts(Utf8JsonWriter json, string key, IEnumerable<string> texts)
    {
        json.WriteStartArray(key);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, ExecOp exec)
    {
        json.WriteStartObject("exec");
        json.WriteStartObject("meta");
        WriteTexts(json, "args", exec.Meta.Args);
        WriteTexts(json, "env", exec.Meta.Env);
        json.WriteString("cwd", exec.Meta.Cwd);
        json.WriteString("user", exec.Meta.User);
        json.WriteEndObject();
        json.WriteStartArray("mounts");
        foreach (var mount in exec.Mounts) Write(json, mount);
        json.WriteEndArray();
        json.WriteNumber("network", (int)exec.Network);
        json.WriteNumber("security", (int)exec.Security);
        json.WriteStartArray("secretenv");
        foreach (var secret in exec.Secretenv)
        {
            json.WriteStartObject();
            json.WriteString("ID", secret.Id);
            json.WriteString("name", secret.Name);
            json.WriteBoolean("optional", secret.Optional);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Mount mount)
    {
        json.WriteStartObject();
        json.WriteNumber("input", mount.Input);
        json.WriteString("selector", mount.Selector);
        json.WriteString("dest", mount.Dest);
        json.WriteNumber("output", mount.Output);
        json.WriteBoolean("readonly", mount.Readonly);
        json.WriteNumber("mountType", (int)mount.MountType);
        if (mount.TmpfsOpt is { } tmpfs)
        {
            json.WriteStartObject("TmpfsOpt");
            json.WriteNumber("size", tmpfs.Size);
            json.WriteEndObject();
        }
        if (mount.CacheOpt is { } cache)
        {
            json.WriteStartObject("cacheOpt");
            json.WriteString("ID", cache.Id);
            json.WriteNumber("sharing", (int)cache.Sharing);
            json.WriteEndObject();
        }
        if (mount.SecretOpt is { } secret) Write(json, "secretOpt", secret);
        if (mount.SshOpt is { } agent) Write(json, "SSHOpt", agent);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string key, SecretOpt secret)
    {
        json.WriteStartObject(key);
        json.WriteString("ID", secret.Id);
        json.WriteNumber("uid", secret.Uid);
        json.WriteNumber("gid", secret.Gid);
        json.WriteNumber("mode", secret.Mode);
        json.WriteBoolean("optional", secret.Optional);
        json.WriteEndObject();
    }
}
