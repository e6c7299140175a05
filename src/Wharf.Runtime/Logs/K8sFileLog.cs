using System.Buffers;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>The log format of Kubernetes' container runtime interface, podman's <c>k8s-file</c>: a line each of time, stream, <c>F</c> or, where the line goes on, <c>P</c>, and the text.</summary>
internal sealed class K8sFileLog(LogTarget target) : FileLineLog(target)
{
    protected override void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part)
    {
        var span = Out.GetSpan(64);
        Out.Advance(JsonFileLog.FormatTime(time, span));
        Out.Write((stream, part is null or { Last: true }) switch
        {
            (0, true) => " stdout F "u8,
            (0, false) => " stdout P "u8,
            (_, true) => " stderr F "u8,
            _ => " stderr P "u8,
        });
        Out.Write(text);
        Out.Write("\n"u8);
        EndEntry();
    }
}
