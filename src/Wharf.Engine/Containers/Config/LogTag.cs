using System.Text;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers.Config;

/// <summary>The <c>tag</c> option: text with fields of the container in <c>{{.Field}}</c>.</summary>
internal static class LogTag
{
    private static readonly string[] Fields =
        ["ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName", "Command", "Hostname", "ContainerID", "ContainerName", "ContainerImageID", "ContainerImageName"];

    /// <summary>InvalidArgument for a template that cannot be rendered.</summary>
    public static void Check(string template) => Render(template, new LogSource(), new ContainerConfig());

    public static string Render(string template, LogSource source, ContainerConfig config)
    {
        var text = new StringBuilder();
        int at = 0;
        while (template.IndexOf("{{", at, StringComparison.Ordinal) is >= 0 and var open)
        {
            text.Append(template, at, open - at);
            int close = template.IndexOf("}}", open, StringComparison.Ordinal);
            if (close < 0) throw WharfException.Invalid($"template: log-tag:1: unclosed action in \"{template}\"");
            text.Append(Value(template[(open + 2)..close].Trim().Trim('-').Trim(), source, config));
            at = close + 2;
        }
        return text.Append(template, at, template.Length - at).ToString();
    }

    private static string Value(string action, LogSource source, ContainerConfig config)
    {
        if (action.StartsWith("index .ContainerLabels ", StringComparison.Ordinal))
            return config.Labels?.GetValueOrDefault(action["index .ContainerLabels ".Length..].Trim().Trim('"')) ?? "";
        var field = action.StartsWith('.') ? action[1..] : "";
        if (Array.IndexOf(Fields, field) < 0) throw WharfException.Invalid($"template: log-tag:1: can't evaluate \"{action}\"; fields are {string.Join(", ", Fields.Select(name => "." + name))} and index .ContainerLabels \"name\"");
        var image = source.ImageId.StartsWith("sha256:", StringComparison.Ordinal) ? source.ImageId["sha256:".Length..] : source.ImageId;
        return field switch
        {
            "ID" => Short(source.ContainerId),
            "FullID" or "ContainerID" => source.ContainerId,
            "Name" => source.ContainerName.TrimStart('/'),
            "ContainerName" => source.ContainerName,
            "ImageID" => Short(image),
            "ImageFullID" or "ContainerImageID" => source.ImageId,
            "ImageName" or "ContainerImageName" => source.ImageName,
            "DaemonName" => "docker",
            "Command" => source.Command,
            _ => source.Hostname,
        };
    }

    private static string Short(string id) => id.Length > 12 ? id[..12] : id;
}
