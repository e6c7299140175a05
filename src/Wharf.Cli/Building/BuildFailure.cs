using System.Globalization;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Cli.Building.Display;

namespace Wharf.Cli.Building;

/// <summary>A failed build as its user sees it: the step's last output, the place in the Dockerfile, and what went wrong.</summary>
internal static class BuildFailure
{
    private const string DetailsTrailer = "grpc-status-details-bin", SourceType = "/errdefs.Source+json", ContainerType = "wharf.build.container";
    private const int ShownLines = 10, Context = 3;

    public static async Task WriteAsync(RpcException error, BuildTrace trace, bool showOutput, TextWriter output)
    {
        if (trace.Failed is { } step && showOutput)
        {
            await output.WriteLineAsync($"------\n > {step.Name}:");
            foreach (var line in step.Output.TrimEnd('\n').Split('\n').TakeLast(ShownLines)) if (line.Length > 0) await output.WriteLineAsync(line);
            await output.WriteLineAsync("------");
        }
        if (Details(error).FirstOrDefault(static detail => detail.TypeUrl.EndsWith(SourceType, StringComparison.Ordinal)) is { } source) await output.WriteAsync(Frame(source.Value.ToByteArray()));
    }

    /// <summary>The container of the step that failed, where the daemon keeps it; null otherwise.</summary>
    public static string? ContainerOf(RpcException error) => Details(error).FirstOrDefault(static detail => detail.TypeUrl == ContainerType)?.Value.ToStringUtf8();

    private static IEnumerable<Google.Protobuf.WellKnownTypes.Any> Details(RpcException error) =>
        error.Trailers.GetValueBytes(DetailsTrailer) is { } bytes ? RpcStatus.Parser.ParseFrom(bytes).Details : [];

    /// <summary>The lines around the instruction, it marked.</summary>
    private static string Frame(byte[] source)
    {
        try
        {
            using var document = JsonDocument.Parse(source);
            var info = document.RootElement.GetProperty("info");
            var lines = Encoding.UTF8.GetString(info.GetProperty("data").GetBytesFromBase64()).Split('\n');
            var marked = document.RootElement.GetProperty("ranges").EnumerateArray().Select(static range => range.GetProperty("start").GetProperty("line").GetInt32()).ToHashSet();
            if (marked.Count == 0) return "";
            var text = new StringBuilder($"{info.GetProperty("filename").GetString()}:{marked.Min()}\n--------------------\n");
            for (int line = Math.Max(1, marked.Min() - Context); line <= Math.Min(lines.Length, marked.Max() + Context); line++)
                text.Append(CultureInfo.InvariantCulture, $"{line,4} | {(marked.Contains(line) ? ">>>" : "   ")} {lines[line - 1].TrimEnd('\r')}\n");
            return text.Append("--------------------\n").ToString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            // A builder of another form: its message says enough.
            return "";
        }
    }
}
