using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>Errors as BuildKit's clients know them: the text, a gRPC code, and where in the Dockerfile it was.</summary>
internal static class BuildErrors
{
    /// <summary>Wharf's own: the container of the step that failed, kept because the client asked for it.</summary>
    private const string ContainerType = "wharf.build.container";
    private const string DetailsTrailer = "grpc-status-details-bin";
    /// <summary>The name under which BuildKit's clients know an error's place in a file.</summary>
    private const string SourceType = "github.com/moby/buildkit/errdefs.Source+json";
    /// <summary>And the step that failed, by which they know what else was told of it.</summary>
    private const string VertexType = "github.com/moby/buildkit/errdefs.Vertex+json";

    public static string Message(Exception error) => error switch
    {
        BuildStepException { Node: RunNode run } step => $"process {Quote(string.Join(' ', run.Command))} did not complete successfully: exit code: {step.ExitCode}",
        SourceMissingException missing => $"{KeyWords}failed to calculate checksum of ref {missing.Word.GetHashCode(StringComparison.Ordinal):x8}: {missing.Message}",
        RpcException rpc => rpc.Status.Detail,
        OperationCanceledException => "context canceled",
        _ => error.Message,
    };

    /// <summary>The same in the progress, on the line of what failed: without the words that the build's own error has before it.</summary>
    public static string LineMessage(Exception error)
    {
        var message = Message(error);
        foreach (var before in new[] { KeyWords, "failed to load cache key: " })
            if (message.StartsWith(before, StringComparison.Ordinal)) return message[before.Length..];
        int asked = message.IndexOf(": failed to resolve source metadata for ", StringComparison.Ordinal);
        return asked > 0 && message.IndexOf(": ", asked + 2, StringComparison.Ordinal) is > 0 and var end ? message[(end + 2)..] : message;
    }

    private const string KeyWords = "failed to compute cache key: ";

    /// <summary>Text in double quotes as Go's %q has it.</summary>
    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append(@"\\"),
                '\n' => quoted.Append("\\n"),
                '\t' => quoted.Append("\\t"),
                '\r' => quoted.Append("\\r"),
                < ' ' or '\x7f' => quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => quoted.Append(c),
            };
        }
        return quoted.Append('"').ToString();
    }

    public static StatusCode Code(Exception error) => error switch
    {
        RpcException rpc => rpc.StatusCode,
        OperationCanceledException => StatusCode.Cancelled,
        // Clients put any other code's name before the text.
        _ => StatusCode.Unknown,
    };

    /// <summary>The error as a call's end. <paramref name="file"/> and <paramref name="text"/> are the Dockerfile's.</summary>
    public static RpcException ToRpc(Exception error, LlbGraph? graph, string file, string text)
    {
        if (error is RpcException rpc) return rpc;
        return ToRpc(ToStatus(error, graph, file, text));
    }

    public static RpcException ToRpc(RpcStatus status)
    {
        var trailers = new Metadata();
        if (status.Details.Count > 0) trailers.Add(DetailsTrailer, status.ToByteArray());
        return new RpcException(new Status((StatusCode)status.Code, status.Message), trailers);
    }

    public static RpcStatus ToStatus(Exception error, LlbGraph? graph, string file, string text)
    {
        // A client that drives its build itself gives the error back as it got it.
        if (error is RpcException rpc && rpc.Trailers.GetValueBytes(DetailsTrailer) is { } told) return RpcStatus.Parser.ParseFrom(told);
        var status = new RpcStatus { Code = (int)Code(error), Message = Message(error) };
        if (Place(error, graph?.Plan) is var (first, last) && text.Length > 0)
        {
            status.Details.Add(new Any { TypeUrl = SourceType, Value = ByteString.CopyFrom(SourceJson(file, text, first, last)) });
        }
        if (FailedNode(error, graph?.Plan) is { } node && graph!.OperationOf(node) is { } operation)
        {
            status.Details.Add(new Any { TypeUrl = VertexType, Value = ByteString.CopyFromUtf8($"{{\"digest\":\"{graph.DigestOf(node)}\"}}") });
            if (error is BuildStepException { State: { } state }) status.Details.Add(new Any { TypeUrl = FailedSteps.Type, Value = ByteString.CopyFrom(FailedSteps.Describe(operation, state)) });
        }
        if (error is BuildStepException { Container: { } container }) status.Details.Add(new Any { TypeUrl = ContainerType, Value = ByteString.CopyFromUtf8(container) });
        return status;
    }

    private static byte[] SourceJson(string file, string text, int first, int last)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartObject("info");
            json.WriteString("filename", file);
            json.WriteBase64String("data", Encoding.UTF8.GetBytes(text));
            json.WriteString("language", "Dockerfile");
            json.WriteEndObject();
            WriteRanges(json, first, last);
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    /// <summary>Lines as BuildKit tells them: each a range of its own.</summary>
    public static IEnumerable<Wharf.BuildKit.Protocol.Ops.Range> Ranges(int first, int last) =>
        Enumerable.Range(first, last - first + 1).Select(static line => new Wharf.BuildKit.Protocol.Ops.Range { Start = new Position { Line = line }, End = new Position { Line = line } });

    /// <summary>The same in JSON.</summary>
    public static void WriteRanges(Utf8JsonWriter json, int first, int last)
    {
        json.WriteStartArray("ranges");
        for (int line = first; line <= last; line++)
        {
            json.WriteStartObject();
            foreach (var end in new[] { "start", "end" })
            {
                json.WriteStartObject(end);
                json.WriteNumber("line", line);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>Whether an error is that of one of the plan's steps.</summary>
    public static bool Failed(BuildPlan plan, Exception error) => Place(error, plan) is not null;

    private static (int First, int Last)? Place(Exception error, BuildPlan? plan)
    {
        if (error is DockerfileException { Line: var line, LastLine: var last }) return (line, last);
        return FailedNode(error, plan) is { } node ? (node.Instruction.FirstLine, node.Instruction.LastLine) : null;
    }

    private static BuildNode? FailedNode(Exception error, BuildPlan? plan) =>
        plan?.Nodes.FirstOrDefault(node => node.Progress.Completed is { IsFaulted: true, Exception.InnerException: { } failed } && ReferenceEquals(failed, error));
}
