using System.Security.Cryptography;
using System.Text;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>What is kept of a secret that was made here. It has 256 bits of chance: one hash is enough, there is nothing to guess.</summary>
internal static class SecretHash
{
    public static string Of(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>Whether a secret is the one that is kept; takes as long for a wrong one.</summary>
    public static bool Fits(string secret, string kept) => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Of(secret)), Encoding.ASCII.GetBytes(kept));
}
