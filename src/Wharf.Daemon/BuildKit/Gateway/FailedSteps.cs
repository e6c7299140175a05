using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Build.Debugging;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>
/// A failed RUN as BuildKit's clients get it with the error: the operation, and for each of its mounts a name under which a container can show what was there
/// before and after. The first mount is the root, then come the step's own, then its script.
/// </summary>
internal static class FailedSteps
{
    /// <summary>The name under which BuildKit's clients know this.</summary>
    public const string Type = "github.com/moby/buildkit/errdefs.Solve+json";
    private const string BeforeMark = "before", AfterMark = "after";

    public static byte[] Describe(FailedStep step)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            int count = 1 + step.Mounts.Count + (step.Node.Script is null ? 0 : 1);
            json.WriteStartObject();
            WriteNames(json, "inputIDs", Enumerable.Range(0, count).Select(index => NameOf(step, BeforeMark, index)));
            WriteNames(json, "mountIDs", Enumerable.Range(0, count).Select(index => NameOf(step, AfterMark, index)));
            json.WriteStartObject("op");
            json.WriteStartObject("exec");
            WriteProcess(json, step.Node);
            WriteMounts(json, step);
            if (step.Node.Network is "host" or "none") json.WriteString("network", step.Node.Network.ToUpperInvariant());
            if (step.Node.Insecure) json.WriteString("security", "INSECURE");
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    private static string NameOf(FailedStep step, string state, int mount) => $"{step.Id}::{state}::{mount.ToString(CultureInfo.InvariantCulture)}";

    private static void WriteNames(Utf8JsonWriter json, string key, IEnumerable<string> names)
    {
        json.WriteStartArray(key);
        foreach (var name in names) json.WriteStringValue(name);
        json.WriteEndArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, RunNode node)
    {
        json.WriteStartObject("meta");
        WriteNames(json, "args", node.Command);
        WriteNames(json, "env", node.Environment);
        json.WriteString("cwd", node.Directory.Length > 0 ? node.Directory : "/");
        json.WriteString("user", node.User);
        json.WriteEndObject();
    }

    private static void WriteMounts(Utf8JsonWriter json, FailedStep step)
    {
        json.WriteStartArray("mounts");
        WriteMount(json, "BIND", "/", "", readOnly: false);
        foreach (var (mount, _) in step.Mounts) WriteMount(json, mount.Type.ToString().ToUpperInvariant(), mount.Target, mount.Type == RunMountType.Bind ? mount.Source : "", mount.ReadOnly);
        if (step.Node.Script is { } script) WriteMount(json, "BIND", RunNode.ScriptDirectory + script.Name, "", readOnly: true);
        json.WriteEndArray();
    }

    private static void WriteMount(Utf8JsonWriter json, string type, string target, string selector, bool readOnly)
    {
        json.WriteStartObject();
        json.WriteString("mountType", type);
        json.WriteString("dest", target);
        if (selector.Length > 0) json.WriteString("selector", selector);
        if (readOnly) json.WriteBoolean("readonly", true);
        json.WriteEndObject();
    }

    /// <summary>The step and the mount that a client names; null when it is none of these.</summary>
    public static NamedMount? Find(BuildJob job, string name)
    {
        var parts = name.Split("::");
        if (parts.Length != 3 || !job.Failed.TryGetValue(parts[0], out var step) || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int index)) return null;
        return new NamedMount(step, index, parts[1] == AfterMark);
    }

    /// <summary>What a name of <see cref="Describe"/> stands for.</summary>
    public readonly record struct NamedMount(FailedStep Step, int Index, bool After)
    {
        /// <summary>The step's root before or after it ran.</summary>
        public Task<Digest?> RootAsync() => Index != 0 ? throw WharfException.Invalid($"mount {Index} of the failed step cannot be a root") : After ? Step.AfterAsync() : Task.FromResult(Step.Before);

        public bool IsScript => Index == 1 + Step.Mounts.Count && Step.Node.Script is not null;

        public StepMount Mount => Index > 0 && Index <= Step.Mounts.Count ? Step.Mounts[Index - 1] : throw WharfException.Invalid($"the failed step has no mount {Index}");
    }
}
