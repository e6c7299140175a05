using System.Runtime.InteropServices;
using Wharf.Linux.Memory;

namespace Wharf.Linux.Nftables;

/// <summary>Runs nftables commands through libnftables.so.1, in process. Each call is one transaction: all of it or nothing.</summary>
public sealed partial class NftablesContext : IDisposable
{
    private const string Library = "libnftables.so.1";
    private const uint OutputHandles = 1 << 3; // NFT_CTX_OUTPUT_HANDLE of libnftables.h
    private readonly Lock _lock = new();
    private nint _context;

    [LibraryImport(Library)] private static partial nint nft_ctx_new(uint flags);
    [LibraryImport(Library)] private static partial void nft_ctx_free(nint context);
    [LibraryImport(Library)] private static partial void nft_ctx_output_set_flags(nint context, uint flags);
    [LibraryImport(Library)] private static partial int nft_ctx_buffer_output(nint context);
    [LibraryImport(Library)] private static partial int nft_ctx_buffer_error(nint context);
    [LibraryImport(Library)] private static partial nint nft_ctx_get_error_buffer(nint context);
    [LibraryImport(Library)] private static partial nint nft_ctx_get_output_buffer(nint context);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] private static partial int nft_run_cmd_from_buffer(nint context, string commands);

    public NftablesContext() => ResidentMemory.Releasing += Release;

    /// <summary>Runs commands in nft's own language; throws with the library's message. Returns what it printed, with <paramref name="handles"/> the numbers that rules are deleted by too.</summary>
    public string Run(string commands, bool handles = false)
    {
        lock (_lock)
        {
            if (_context == 0)
            {
                _context = Open();
                _ = nft_ctx_buffer_output(_context);
                _ = nft_ctx_buffer_error(_context);
            }
            nft_ctx_output_set_flags(_context, handles ? OutputHandles : 0);
            int result = nft_run_cmd_from_buffer(_context, commands);
            var error = Marshal.PtrToStringUTF8(nft_ctx_get_error_buffer(_context)) ?? "";
            var output = Marshal.PtrToStringUTF8(nft_ctx_get_output_buffer(_context)) ?? "";
            return result == 0 ? output : throw new IOException($"nftables refused the rules: {error.Trim()}");
        }
    }

    private static nint Open()
    {
        try { return nft_ctx_new(0); }
        catch (DllNotFoundException error) { throw new IOException($"{Library} is missing: install the package libnftables1", error); }
    }

    /// <summary>The library keeps what it knows of the kernel's tables, some MiB. It asks anew when it is used again.</summary>
    private void Release()
    {
        lock (_lock)
        {
            if (_context != 0) nft_ctx_free(_context);
            _context = 0;
        }
    }

    public void Dispose()
    {
        ResidentMemory.Releasing -= Release;
        Release();
    }
}
