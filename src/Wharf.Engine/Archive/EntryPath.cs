using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>
/// A member's name made into a path below the root it is extracted to: no leading slash, no empty, <c>.</c> or <c>..</c> parts.
/// A name whose <c>..</c> leads above the root is refused rather than bent, since no honest archive has one.
/// </summary>
internal sealed class EntryPath(int maxLength)
{
    private readonly byte[] _bytes = new byte[maxLength];
    private int _length, _nameStart;

    public ReadOnlySpan<byte> All => _bytes.AsSpan(0, _length);
    /// <summary>The directory part; empty for the root itself and what lies in it.</summary>
    public ReadOnlySpan<byte> Parent => _bytes.AsSpan(0, Math.Max(_nameStart - 1, 0));
    public ReadOnlySpan<byte> Name => _bytes.AsSpan(_nameStart, _length - _nameStart);
    public bool IsRoot => _length == 0;

    public void Set(byte[] name)
    {
        _length = 0;
        ReadOnlySpan<byte> rest = name;
        while (!rest.IsEmpty)
        {
            int slash = rest.IndexOf((byte)'/');
            var part = slash < 0 ? rest : rest[..slash];
            rest = slash < 0 ? [] : rest[(slash + 1)..];
            if (part.IsEmpty || part.SequenceEqual("."u8)) continue;
            if (part.SequenceEqual(".."u8))
            {
                if (_length == 0) throw WharfException.Invalid($"invalid entry name \"{System.Text.Encoding.UTF8.GetString(name)}\"");
                _length = Math.Max(All.LastIndexOf((byte)'/'), 0);
                continue;
            }
            if (_length > 0) _bytes[_length++] = (byte)'/';
            part.CopyTo(_bytes.AsSpan(_length));
            _length += part.Length;
        }
        _nameStart = All.LastIndexOf((byte)'/') + 1;
    }
}
