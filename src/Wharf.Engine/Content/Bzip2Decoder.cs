using System.Runtime.InteropServices;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Content;

/// <summary>bzip2 by the system's libbz2 (its header bzlib.h), loaded when first needed. Streams may follow each other, as pbzip2 writes them.</summary>
internal sealed unsafe partial class Bzip2Decoder : IDecoder
{
    private const string Library = "libbz2.so.1.0";
    private const int BZ_OK = 0, BZ_STREAM_END = 4;

    [StructLayout(LayoutKind.Sequential)]
    private struct BzStream
    {
        public byte* NextIn;
        public uint AvailIn, TotalInLow, TotalInHigh;
        public byte* NextOut;
        public uint AvailOut, TotalOutLow, TotalOutHigh;
        public nint State, Allocate, Free, Opaque;
    }

    [LibraryImport(Library)] private static partial int BZ2_bzDecompressInit(BzStream* stream, int verbosity, int small);
    [LibraryImport(Library)] private static partial int BZ2_bzDecompress(BzStream* stream);
    [LibraryImport(Library)] private static partial int BZ2_bzDecompressEnd(BzStream* stream);

    private readonly BzStream* _stream;
    private bool _open;

    public Bzip2Decoder()
    {
        _stream = (BzStream*)NativeMemory.AllocZeroed((nuint)sizeof(BzStream));
        try
        {
            Open();
        }
        catch (DllNotFoundException error)
        {
            NativeMemory.Free(_stream);
            throw WharfException.Unavailable($"bzip2 archives need {Library} (Debian's libbz2-1.0)", error);
        }
    }

    private void Open()
    {
        *_stream = default;
        Check(BZ2_bzDecompressInit(_stream, 0, 0));
        _open = true;
    }

    public bool Decode(ReadOnlySpan<byte> input, Span<byte> output, bool inputEnded, out int consumed, out int produced)
    {
        if (!_open) Open();
        fixed (byte* source = input)
        fixed (byte* target = output)
        {
            _stream->NextIn = source;
            _stream->AvailIn = (uint)input.Length;
            _stream->NextOut = target;
            _stream->AvailOut = (uint)output.Length;
            int result = BZ2_bzDecompress(_stream);
            (consumed, produced) = (input.Length - (int)_stream->AvailIn, output.Length - (int)_stream->AvailOut);
            if (result != BZ_STREAM_END)
            {
                Check(result);
                return false;
            }
            BZ2_bzDecompressEnd(_stream);
            _open = false;
            return true;
        }
    }

    private static void Check(int result)
    {
        if (result != BZ_OK) throw WharfException.Invalid($"the bzip2 archive is damaged (bzlib error {result})");
    }

    public void Dispose()
    {
        if (_open) BZ2_bzDecompressEnd(_stream);
        NativeMemory.Free(_stream);
    }
}
