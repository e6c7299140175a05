namespace Wharf.Engine.Logs;

/// <summary>Reads lines of <c>k8s-file</c>: <c>TIME stdout|stderr F|P TEXT</c>.</summary>
internal static class K8sLogParser
{
    public static bool TryParse(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        int space = line.IndexOf((byte)' ');
        if (space < 20 || line.Length < space + 10) return false;
        var rest = line[(space + 1)..];
        int stream = rest.StartsWith("stdout "u8) ? 1 : rest.StartsWith("stderr "u8) ? 2 : 0;
        if (stream == 0 || rest[7] is not ((byte)'F' or (byte)'P') || rest[8] != ' ') return false;
        entry = new LogEntry { Stream = stream, Time = line[..space], Text = rest[9..], EndsLine = rest[7] == 'F' };
        return true;
    }
}
