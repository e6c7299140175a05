using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>
/// The key sequence by which a client leaves a terminal and the process runs on; <c>ctrl-p,ctrl-q</c> unless told otherwise.
/// Watches input as it passes: a sequence begun and not ended is input after all.
/// </summary>
public sealed class DetachKeys
{
    public static readonly byte[] Default = [16, 17];

    private readonly byte[] _keys;
    private int _matched;

    public DetachKeys(byte[] keys) => _keys = keys;

    /// <summary>Comma-separated keys: a single character, or <c>ctrl-</c> with a letter or one of <c>@ [ \ ] ^ _</c>.</summary>
    public static byte[] Parse(string text)
    {
        if (text.Length == 0) return Default;
        var parts = text.Split(',');
        var keys = new byte[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            keys[i] = ParseKey(parts[i]) ?? throw WharfException.Invalid($"Invalid escape keys ({text}) provided");
        return keys;
    }

    private static byte? ParseKey(string key)
    {
        if (key.Length == 1 && char.IsAscii(key[0])) return (byte)key[0];
        if (!key.StartsWith("ctrl-", StringComparison.Ordinal) || key.Length != 6) return null;
        char letter = char.ToUpperInvariant(key[5]);
        // ctrl clears the two high bits: @ is 0, A is 1, … _ is 31.
        return letter is >= '@' and <= '_' ? (byte)(letter - '@') : null;
    }

    /// <summary>
    /// Passes input on to <paramref name="output"/>, holding back what may be the sequence's beginning. True when it is complete: what
    /// follows is not for the process.
    /// </summary>
    public bool Filter(ReadOnlySpan<byte> input, List<byte> output)
    {
        foreach (byte value in input)
        {
            if (value == _keys[_matched])
            {
                if (++_matched == _keys.Length) return true;
                continue;
            }
            for (int i = 0; i < _matched; i++) output.Add(_keys[i]);
            _matched = value == _keys[0] ? 1 : 0;
            if (_matched == 0) output.Add(value);
            else if (_keys.Length == 1) return true;
        }
        return false;
    }
}
