using System.Buffers;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>The log format of Kubernetes' container runtime interface, podman's <c>k8s-file</c>: a line each of time, stream, <c>F</c> or, where the line goes on, <c>P</c>, and the text.</summary>
internal sealed class K8sFileLog(LogTarget target) : LineLog
{
    private const int Batch = 128 << 10;

    private readonly LogFiles _files = new(target.Path!, target.MaxSize, target.MaxFile, target.Compress);
    private readonly ArrayBufferWriter<byte> _out = new(MaxLine);

    protected override void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part)
    {
        var span = _out.GetSpan(64);
        _out.Advance(JsonFileLog.FormatTime(time, span));
        _out.Write((stream, part is null or { Last: true }) switch
        {
            (0, true) => " stdout F "u8,
            (0, false) => " stdout P "u8,
            (_, true) => " stderr F "u8,
            _ => " stderr P "u8,
        });
        _out.Write(text);
        _out.Write("\n"u8);
        if (_out.WrittenCount >= Batch || _files.WouldFill(_out.WrittenCount)) Flush();
    }

    protected override void EndOfRead() => Flush();

    private void Flush()
    {
        if (_out.WrittenCount == 0) return;
        _files.Append(_out.WrittenSpan);
        _out.ResetWrittenCount();
    }

    public override void Dispose() => _files.Dispose();
}
