using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Streams;

/// <summary>The key sequence that leaves a container running: <c>ctrl-p,ctrl-q</c> unless set otherwise.</summary>
internal sealed class DetachKeys
{
    public const string Default = "ctrl-p,ctrl-q";
    private readonly byte[] sequence;
    private int matched;

    private DetachKeys(byte[] sequence) => this.sequence = sequence;

    /// <summary>Keys are single characters or <c>ctrl-</c> with a letter or one of <c>@^[,_\]</c>, joined by commas.</summary>
    public static DetachKeys Parse(string text)
    {
        var keys = text.Split(',');
        // "ctrl-," is the one key that holds the separator.
        var joined = new List<string>();
        foreach (var key in keys)
        {
            if (key == "" && joined.Count > 0 && joined[^1] == "ctrl-") joined[^1] = "ctrl-,";
            else joined.Add(key);
        }
        return new DetachKeys([.. joined.Select(ToByte)]);
    }

    private static byte ToByte(string key)
    {
        if (key.Length == 1) return (byte)key[0];
        if (key.Length == 6 && key.StartsWith("ctrl-", StringComparison.Ordinal))
        {
            var c = char.ToLowerInvariant(key[5]);
            if (char.IsAsciiLetterLower(c)) return (byte)(c - 'a' + 1);
            if ("@[\\]^_".Contains(c)) return (byte)(c - '@');
        }
        throw new CliException($"invalid detach keys: Unknown character: '{key}'");
    }

    /// <summary>
    /// Gives what may be sent of the typed bytes; the beginning of the sequence is held back until it is clear whether the rest follows.
    /// True when the sequence is complete.
    /// </summary>
    public bool Filter(ReadOnlySpan<byte> typed, MemoryStream send)
    {
        foreach (var key in typed)
        {
            if (key == sequence[matched])
            {
                if (++matched == sequence.Length) return true;
                continue;
            }
            send.Write(sequence.AsSpan(0, matched));
            matched = key == sequence[0] ? 1 : 0;
            if (matched == 0) send.WriteByte(key);
            else if (sequence.Length == 1) return true;
        }
        return false;
    }
}
