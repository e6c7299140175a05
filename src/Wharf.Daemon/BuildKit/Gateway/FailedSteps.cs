using System.Globalization;
using System.Text.Json;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build.Debugging;
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

    public static byte[] Describe(Op operation, FailedStep step)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            int count = operation.Exec.Mounts.Count;
            json.WriteStartObject();
            LlbJson.WriteTexts(json, "inputIDs", Enumerable.Range(0, count).Select(index => NameOf(step, BeforeMark, index)));
            LlbJson.WriteTexts(json, "mountIDs", Enumerable.Range(0, count).Select(index => NameOf(step, AfterMark, index)));
            json.WritePropertyName("op");
            LlbJson.Write(json, operation);
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    private static string NameOf(FailedStep step, string state, int mount) => $"{step.Id}::{state}::{mount.ToString(CultureInfo.InvariantCulture)}";

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
