using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Building;

/// <summary>Where a result goes, of <c>--output</c>.</summary>
internal sealed record BuildOutput(string Type, Dictionary<string, string> Attributes)
{
    /// <summary>A directory or file at the client; <c>-</c> for standard output, empty where the daemon keeps the result.</summary>
    public string Destination { get; init; } = "";

    /// <summary>Its files are a directory of blobs.</summary>
    public bool IsLayout => Type is "oci" or "docker" && Attributes.GetValueOrDefault("tar") == "false";

    public bool IsDirectory => Type == "local" || IsLayout;

    /// <summary>What the directory has and the result has not is removed.</summary>
    public bool Deletes => Type == "local" && Attributes.GetValueOrDefault("mode") == "delete";

    /// <summary>Reads <c>type=local,dest=out</c>, or a path alone, or <c>-</c>.</summary>
    public static BuildOutput Parse(string text)
    {
        if (!text.Contains('=')) return text == "-" ? new BuildOutput("tar", []) { Destination = "-" } : new BuildOutput("local", []) { Destination = text };
        var fields = BuildOptionFields.Parse(text, "output");
        if (!fields.Remove("type", out var type)) throw new FormatException("type is required for output");
        fields.Remove("dest", out var destination);
        if (type == "registry") (type, fields["push"]) = ("image", "true");
        var output = new BuildOutput(type, fields) { Destination = destination ?? "" };
        if (type is not ("image" or "local" or "tar" or "oci" or "docker" or "cacheonly")) throw new FormatException($"unknown output type {type}");
        if (type == "local" && output.Destination == "") throw new FormatException("dest is required for local exporter");
        if (type == "local" && fields.GetValueOrDefault("mode") is not (null or "copy" or "delete")) throw new FormatException($"invalid mode {fields["mode"]} for local exporter: it is copy or delete");
        if (output.Deletes && Path.GetFullPath(output.Destination) == "/") throw new FormatException("mode delete would leave nothing but the result on this machine: dest is /");
        if (output.IsDirectory && output.Destination is "" or "-") throw new FormatException($"dest is required for {type} exporter");
        // Without a place an archive for docker is an image of the daemon.
        if (type == "docker" && output.Destination == "") return output with { Type = "image" };
        return type is "tar" or "oci" && output.Destination == "" ? output with { Destination = "-" } : output;
    }

    /// <summary>The file that a result of bytes goes to.</summary>
    public Stream Open(CliContext cli)
    {
        if (Destination != "-") return new FileStream(Destination, FileMode.Create, FileAccess.Write);
        if (Terminal.IsTerminal(1)) throw new IOException($"dest file is required for {Type} exporter. refusing to write to console");
        return new Unclosed(cli.OutputStream);
    }

    /// <summary>The process's output stays open.</summary>
    private sealed class Unclosed(Stream inner) : SinkStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);
        public override void Write(ReadOnlySpan<byte> buffer) => inner.Write(buffer);
        public override void Flush() => inner.Flush();
        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    }
}

/// <summary>Options of the form <c>key=value,key=value</c>.</summary>
internal static class BuildOptionFields
{
    public static Dictionary<string, string> Parse(string text, string what)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in CsvLine.Split(text))
        {
            var (key, value) = KeyValue.Split(field);
            if (key == "" || !field.Contains('=')) throw new FormatException($"invalid value {field} for {what}: expected key=value");
            fields[key.Trim().ToLowerInvariant() is "type" or "dest" or "src" or "id" or "env" or "ref" or "mode" ? key.Trim().ToLowerInvariant() : key.Trim()] = value;
        }
        return fields;
    }
}
