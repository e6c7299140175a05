using System.Runtime.InteropServices;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Content;

/// <summary>xz by the system's liblzma (its header lzma/base.h), loaded when first needed. Memory is bounded.</summary>
internal sealed unsafe partial class XzDecoder : IDecoder
{
    private const string Library = "liblzma.so.5";
    private const int LZMA_OK = 0, LZMA_STREAM_END = 1, LZMA_MEMLIMIT_ERROR = 6, LZMA_BUF_ERROR = 10, LZMA_RUN = 0, LZMA_FINISH = 3;
    private const uint LZMA_CONCATENATED = 8;
    /// <summary>Decoding what <c>xz -9</c> makes takes 65 MiB.</summary>
    private const ulong MaxMemory = 256ul << 20;

    [StructLayout(LayoutKind.Sequential)]
    private struct LzmaStream
    {
        public byte* NextIn;
        public nuint AvailIn;
        public ulong TotalIn;
        public byte* NextOut;
        public nuint AvailOut;
        public ulong TotalOut;
        public nint Allocator, Internal;
        public fixed ulong Reserved[9];
    }

    [LibraryImport(Library)] private static partial int lzma_stream_decoder(LzmaStream* stream, ulong memoryLimit, uint flags);
    [LibraryImport(Library)] private static partial int lzma_code(LzmaStream* stream, int action);
    [LibraryImport(Library)] private static partial void lzma_end(LzmaStream* stream);

    private readonly LzmaStream* _stream;

    public XzDecoder()
    {
        _stream = (LzmaStream*)NativeMemory.AllocZeroed((nuint)sizeof(LzmaStream));
        try
        {
            Check(lzma_stream_decoder(_stream, MaxMemory, LZMA_CONCATENATED));
        }
        catch (DllNotFoundException error)
        {
            NativeMemory.Free(_stream);
            throw WharfException.Unavailable($"xz archives need {Library} (Debian's liblzma5)", error);
        }
    }

    public bool Decode(ReadOnlySpan<byte> input, Span<byte> output, bool inputEnded, out int consumed, out int produced)
    {
        fixed (byte* source = input)
        fixed (byte* target = output)
        {
            _stream->NextIn = source;
            _stream->AvailIn = (nuint)input.Length;
            _stream->NextOut = target;
            _stream->AvailOut = (nuint)output.Length;
            int result = lzma_code(_stream, inputEnded ? LZMA_FINISH : LZMA_RUN);
            (consumed, produced) = (input.Length - (int)_stream->AvailIn, output.Length - (int)_stream->AvailOut);
            if (result == LZMA_STREAM_END) return true;
            if (result != LZMA_BUF_ERROR) Check(result);
            return false;
        }
    }

    private static void Check(int result)
    {
        if (result == LZMA_MEMLIMIT_ERROR) throw WharfException.Invalid($"the xz archive needs more than {MaxMemory >> 20} MiB of memory to unpack");
        if (result != LZMA_OK) throw WharfException.Invalid($"the xz archive is damaged (lzma error {result})");
    }

    public void Dispose()
    {
        lzma_end(_stream);
        NativeMemory.Free(_stream);
    }
}
