using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>
/// Checks a password against a hash as crypt(5) writes it, by the system's libcrypt (its header crypt.h): bcrypt, as <c>htpasswd -B</c>
/// makes, and yescrypt, SHA-512 and SHA-256 crypt. Weaker forms are refused.
/// </summary>
internal static unsafe partial class PasswordHash
{
    private const string Library = "libcrypt.so.1";
    /// <summary>sizeof(struct crypt_data) in libxcrypt, which keeps it for ever.</summary>
    private const int CryptDataSize = 32768;

    [LibraryImport(Library)] private static partial byte* crypt_r(byte* phrase, byte* setting, byte* data);

    [LibraryImport(Library)] private static partial byte* crypt_gensalt_rn(byte* prefix, CULong count, byte* randomBytes, int randomLength, byte* output, int outputLength);

    /// <summary>A bcrypt hash of a password; each step of the cost doubles the work.</summary>
    public static string Make(string password, int cost)
    {
        var random = RandomNumberGenerator.GetBytes(16);
        var prefix = "$2y$\0"u8;
        var setting = stackalloc byte[64];
        fixed (byte* prefixPointer = prefix)
        fixed (byte* randomPointer = random)
            if (crypt_gensalt_rn(prefixPointer, new CULong((uint)cost), randomPointer, random.Length, setting, 64) == null) throw new CryptographicException("libcrypt makes no bcrypt salt");
        var phrase = Encoding.UTF8.GetBytes(password + "\0");
        var data = (byte*)NativeMemory.AllocZeroed(CryptDataSize);
        try
        {
            fixed (byte* phrasePointer = phrase)
            {
                var result = crypt_r(phrasePointer, setting, data);
                return result == null ? throw new CryptographicException("libcrypt makes no bcrypt hash") : Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result));
            }
        }
        finally { NativeMemory.Free(data); }
    }

    public static bool IsSupported(string hash) => hash.StartsWith("$2y$", StringComparison.Ordinal) || hash.StartsWith("$2b$", StringComparison.Ordinal) || hash.StartsWith("$2a$", StringComparison.Ordinal)
        || hash.StartsWith("$y$", StringComparison.Ordinal) || hash.StartsWith("$6$", StringComparison.Ordinal) || hash.StartsWith("$5$", StringComparison.Ordinal);

    public static bool Verify(string password, string hash)
    {
        // bcrypt looks at 72 bytes, and crypt(3) ends at a NUL: what would be cut short is refused.
        if (!IsSupported(hash) || password.Contains('\0') || Encoding.UTF8.GetByteCount(password) > (hash.StartsWith("$2", StringComparison.Ordinal) ? 72 : 512)) return false;
        var phrase = Encoding.UTF8.GetBytes(password + "\0");
        var setting = Encoding.UTF8.GetBytes(hash + "\0");
        var data = (byte*)NativeMemory.AllocZeroed(CryptDataSize);
        try
        {
            fixed (byte* phrasePointer = phrase)
            fixed (byte* settingPointer = setting)
            {
                var result = crypt_r(phrasePointer, settingPointer, data);
                return result != null && CryptographicOperations.FixedTimeEquals(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result), setting.AsSpan(0, setting.Length - 1));
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(new Span<byte>(data, CryptDataSize));
            NativeMemory.Free(data);
            CryptographicOperations.ZeroMemory(phrase);
        }
    }
}
