using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Linting;
using Wharf.Engine.Build.Planning;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>Questions about a Dockerfile that build nothing: its targets, its arguments, what the lint rules find (<c>--call</c>, <c>--check</c>).</summary>
internal static class Subrequests
{
    private static readonly (string Name, string Description)[] Known =
    [
        ("frontend.outline", "List all parameters current build target supports"), ("frontend.targets", "List all targets current build supports"), ("frontend.lint", "Lint source"), ("frontend.subrequests.describe", "List available subrequest types"),
    ];

    public static async Task<Dictionary<string, byte[]>> AnswerAsync(string name, string text, FrontendOptions options, Func<LintReport?, Task<BuildPlan>> plan)
    {
        using var result = new MemoryStream();
        var words = new StringBuilder();
        int status = 0;
        await using (var json = new Utf8JsonWriter(result, new JsonWriterOptions { Indented = true }))
        {
            switch (name)
            {
                case "frontend.subrequests.describe": WriteKnown(json, words); break;
                case "frontend.targets": WriteTargets(json, BuildService.Parse(text, options.FileName), text, words); break;
                case "frontend.outline": WriteOutline(json, await plan(null), text, words); break;
                case "frontend.lint": status = await WriteLintAsync(json, text, options, plan, words); break;
                default: throw WharfException.NotImplemented($"unsupported subrequest {name}");
            }
        }
        return new Dictionary<string, byte[]>
        {
            ["result.json"] = result.ToArray(), ["result.txt"] = Encoding.UTF8.GetBytes(words.ToString()), ["version"] = "1.0.0"u8.ToArray(), ["result.statuscode"] = Encoding.ASCII.GetBytes(status.ToString(CultureInfo.InvariantCulture)),
        };
    }

    private static void WriteKnown(Utf8JsonWriter json, StringBuilder words)
    {
        json.WriteStartArray();
        foreach (var (name, description) in Known)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("version", "1.0.0");
            json.WriteString("type", "rpc");
            json.WriteString("description", description);
            json.WriteStartArray("metadata");
            foreach (var key in new[] { "result.json", "result.txt" })
            {
                json.WriteStartObject();
                json.WriteString("name", key);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
            words.AppendLine(CultureInfo.InvariantCulture, $"{name,-32}{"1.0.0",-10}{description}");
        }
        json.WriteEndArray();
    }

    private static void WriteTargets(Utf8JsonWriter json, Dockerfile file, string text, StringBuilder words)
    {
        json.WriteStartObject();
        json.WriteStartArray("targets");
        foreach (var stage in file.Stages)
        {
            bool last = stage.Index == file.Stages.Count - 1;
            json.WriteStartObject();
            if (stage.Name.Length > 0) json.WriteString("name", stage.Name);
            if (last) json.WriteBoolean("default", true);
            if (Description(file, stage.From, stage.Name) is { Length: > 0 } description) json.WriteString("description", description);
            json.WriteString("base", stage.Base);
            if (stage.Platform is { } platform) json.WriteString("platform", platform);
            WriteLocation(json, stage.From.FirstLine, stage.From.LastLine);
            json.WriteEndObject();
            words.AppendLine(CultureInfo.InvariantCulture, $"{(stage.Name.Length > 0 ? stage.Name : "(unnamed)")}{(last ? " (default)" : "")}");
        }
        json.WriteEndArray();
        WriteTexts(json, text);
        json.WriteEndObject();
    }

    /// <summary>The comment right above an instruction, when it begins with the name that the instruction gives.</summary>
    private static string Description(Dockerfile file, Instruction instruction, string name)
    {
        if (name.Length == 0 || instruction.FirstLine < 2) return "";
        var above = file.Lines[instruction.FirstLine - 2].Trim();
        if (!above.StartsWith('#')) return "";
        var comment = above[1..].Trim();
        return comment.StartsWith(name + " ", StringComparison.OrdinalIgnoreCase) ? comment[(name.Length + 1)..].Trim() : "";
    }

    private static void WriteOutline(Utf8JsonWriter json, BuildPlan plan, string text, StringBuilder words)
    {
        var target = plan.Target;
        json.WriteStartObject();
        if (target.Stage.Name.Length > 0) json.WriteString("name", target.Stage.Name);
        if (Description(plan.Dockerfile, target.Stage.From, target.Stage.Name) is { Length: > 0 } description) json.WriteString("description", description);
        json.WriteStartArray("args");
        var told = new HashSet<string>(StringComparer.Ordinal);
        foreach (var instruction in plan.Dockerfile.MetaArgs.Concat(plan.Stages.SelectMany(static stage => stage.Stage.Instructions)).Where(static instruction => instruction.Name == "ARG"))
        {
            var name = instruction.Rest.Split('=', 2)[0].Trim();
            if (!told.Add(name)) continue;
            json.WriteStartObject();
            json.WriteString("name", name);
            if (Description(plan.Dockerfile, instruction, name) is { Length: > 0 } about) json.WriteString("desc", about);
            if (plan.Stages.Select(stage => stage.Arguments.GetValueOrDefault(name)).FirstOrDefault(static value => value is not null) is { } value) json.WriteString("value", value);
            WriteLocation(json, instruction.FirstLine, instruction.LastLine);
            json.WriteEndObject();
            words.AppendLine(name);
        }
        json.WriteEndArray();
        WriteMounts(json, plan, "secrets", RunMountType.Secret, static mount => mount.Id.Length > 0 ? mount.Id : Path.GetFileName(mount.Target));
        WriteMounts(json, plan, "ssh", RunMountType.Ssh, static mount => mount.Id.Length > 0 ? mount.Id : "default");
        WriteMounts(json, plan, "cache", RunMountType.Cache, static mount => mount.Id.Length > 0 ? mount.Id : mount.Target);
        WriteTexts(json, text);
        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string text)
    {
        json.WriteStartArray("sources");
        json.WriteBase64StringValue(Encoding.UTF8.GetBytes(text));
        json.WriteEndArray();
    }

    private static void WriteMounts(Utf8JsonWriter json, BuildPlan plan, string key, RunMountType type, Func<RunMount, string> name)
    {
        var found = plan.Nodes.OfType<RunNode>().SelectMany(node => node.Mounts.Where(mount => mount.Type == type).Select(mount => (Node: node, Mount: mount))).DistinctBy(entry => name(entry.Mount)).ToList();
        if (found.Count == 0) return;
        json.WriteStartArray(key);
        foreach (var (node, mount) in found)
        {
            json.WriteStartObject();
            json.WriteString(type == RunMountType.Cache ? "ID" : "name", name(mount));
            if (mount.Required) json.WriteBoolean("required", true);
            WriteLocation(json, node.Instruction.FirstLine, node.Instruction.LastLine);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static async Task<int> WriteLintAsync(Utf8JsonWriter json, string text, FrontendOptions options, Func<LintReport?, Task<BuildPlan>> plan, StringBuilder words)
    {
        LintReport? report = null;
        string? failure;
        int failedAt = 0;
        try
        {
            report = LintReport.Of(BuildService.Parse(text, options.FileName), options.Arguments);
            failure = (await plan(report)).LintViolation;
        }
        catch (DockerfileException error) { (failure, failedAt) = (error.Message, error.Line); }
        json.WriteStartObject();
        json.WriteStartArray("warnings");
        foreach (var warning in report?.Warnings ?? [])
        {
            json.WriteStartObject();
            json.WriteString("ruleName", warning.Rule);
            json.WriteString("description", warning.Description);
            json.WriteString("url", warning.Url);
            json.WriteString("detail", warning.Message);
            WriteLocation(json, warning.Line, warning.LastLine);
            json.WriteEndObject();
            words.Append(CultureInfo.InvariantCulture, $"\nWARNING: {warning.Rule} - {warning.Url}\n{warning.Message}\n{options.FileName}:{warning.Line}\n");
        }
        json.WriteEndArray();
        WriteSources(json, options.FileName, text);
        if (failure is not null)
        {
            json.WriteStartObject("buildError");
            json.WriteString("message", failure);
            WriteLocation(json, failedAt, failedAt);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        return failure is not null || report?.Warnings.Count > 0 ? 1 : 0;
    }

    /// <summary>A place, of no lines where it is the whole file.</summary>
    private static void WriteLocation(Utf8JsonWriter json, int first, int last)
    {
        json.WriteStartObject("location");
        if (first > 0) BuildErrors.WriteRanges(json, first, last);
        json.WriteEndObject();
    }

    private static void WriteSources(Utf8JsonWriter json, string file, string text)
    {
        json.WriteStartArray("sources");
        json.WriteStartObject();
        json.WriteString("filename", file);
        json.WriteBase64String("data", Encoding.UTF8.GetBytes(text));
        json.WriteString("language", "Dockerfile");
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
