using System.Buffers;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>A log of lines in files of its own: entries are gathered, and are in the file when a read has been given whole.</summary>
internal abstract class FileLineLog(LogTarget target) : LineLog
{
    private const int Batch = 128 << 10;

    private readonly LogFiles _files = new(target.Path!, target.MaxSize, target.MaxFile, target.Compress);

    /// <summary>Where entries are written to.</summary>
    protected ArrayBufferWriter<byte> Out { get; } = new(MaxLine);

    /// <summary>An entry is whole.</summary>
    protected void EndEntry()
    {
        if (Out.WrittenCount >= Batch || _files.WouldFill(Out.WrittenCount)) Flush();
    }

    protected override void EndOfRead() => Flush();

    public void Flush()
    {
        if (Out.WrittenCount == 0) return;
        _files.Append(Out.WrittenSpan);
        Out.ResetWrittenCount();
    }

    public override void Dispose() => _files.Dispose();
}
