namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>
/// Public keys whose signatures of documents count: primary keys that have not been revoked, and those of their subkeys that are bound to them for signing, by both (RFC 9580
/// section 10.1). What a key has expired at is held against the time of each look.
/// </summary>
public sealed class Keyring
{
    private const byte MaySign = 0x02;
    private readonly List<SigningKey> _keys = [];

    /// <param name="Until">Seconds since 1970; null for ever.</param>
    private sealed record SigningKey(KeyPacket Key, string Owner, long? Until);

    /// <summary>Reads keys as <c>gpg --export</c> writes them, with armor or without. FormatException when there is none that could sign.</summary>
    public static Keyring Read(byte[] bytes)
    {
        var keyring = new Keyring();
        var packets = Packets.Read(Packets.Unarmored(bytes));
        if (packets.Exists(static packet => packet.Tag == Packet.SecretKeyTag)) throw new FormatException("it holds a secret key");
        for (int at = packets.FindIndex(static packet => packet.Tag == Packet.KeyTag); at >= 0;)
        {
            int next = packets.FindIndex(at + 1, static packet => packet.Tag == Packet.KeyTag);
            keyring.Add(packets[at..(next < 0 ? packets.Count : next)]);
            at = next;
        }
        return keyring._keys.Count > 0 ? keyring : throw new FormatException("it holds no key that signs and that is known here (RSA of 2048 bits and more, ECDSA on NIST's curves, Ed25519)");
    }

    /// <summary>The primary key's fingerprint, of the key that made the signature; null when none of these made it, or none that counts now.</summary>
    internal string? SignerOf(SignaturePacket signature, byte[] data, DateTimeOffset now) =>
        _keys.Find(one => (one.Until is not { } until || until > now.ToUnixTimeSeconds()) && signature.IsBy(one.Key, now, data))?.Owner;

    /// <summary>One primary key, with all that follows it.</summary>
    private void Add(List<Packet> packets)
    {
        if (KeyPacket.Read(packets[0].Body) is not { } primary) return;
        var now = DateTimeOffset.UtcNow;
        SignaturePacket? self = null;
        byte[] about = primary.Hashed;
        Packet? subkey = null;
        var bindings = new Dictionary<Packet, List<SignaturePacket>>();
        byte[]? user = null;
        foreach (var packet in packets.Skip(1))
        {
            if (packet.Tag == Packet.UserIdTag) (user, subkey) = ([0xb4, .. BigEndian(packet.Body.Length), .. packet.Body], null);
            else if (packet.Tag == Packet.SubkeyTag) (subkey, bindings[packet]) = (packet, []);
            else if (packet.Tag != Packet.SignatureTag || SignaturePacket.Read(packet.Body) is not { } signature) continue;
            else if (subkey is not null) bindings[subkey].Add(signature);
            // Also one that cannot be verified here: rather a key too few.
            else if (signature.Type == SignaturePacket.KeyRevocation) return;
            else if (IsOfItself(signature, primary, about, user, now) && (self is null || signature.CreatedAt >= self.CreatedAt)) self = signature;
        }
        // Without its own word a key is only a number that anybody could have put there.
        if (self is null || Until(primary, self) is { } end && end <= now.ToUnixTimeSeconds()) return;
        if (self.KeyFlags is not { } flags || (flags & MaySign) != 0) _keys.Add(new SigningKey(primary, primary.Fingerprint, Until(primary, self)));
        foreach (var (packet, signatures) in bindings) AddSubkey(primary, Until(primary, self), packet, signatures, now);
    }

    private static bool IsOfItself(SignaturePacket signature, KeyPacket primary, byte[] about, byte[]? user, DateTimeOffset now) => signature.Type switch
    {
        SignaturePacket.DirectKey => signature.IsBy(primary, now, about),
        >= SignaturePacket.Certification and <= SignaturePacket.LastCertification => user is not null && signature.IsBy(primary, now, about, user),
        _ => false,
    };

    private void AddSubkey(KeyPacket primary, long? primaryUntil, Packet packet, List<SignaturePacket> signatures, DateTimeOffset now)
    {
        if (KeyPacket.Read(packet.Body) is not { } key || signatures.Exists(static one => one.Type == SignaturePacket.SubkeyRevocation)) return;
        var binding = signatures.Where(one => one.Type == SignaturePacket.SubkeyBinding && one.IsBy(primary, now, primary.Hashed, key.Hashed)).MaxBy(static one => one.CreatedAt);
        // A subkey that signs says so itself, or another's could be claimed (section 5.2.1.8).
        if (binding?.KeyFlags is not { } flags || (flags & MaySign) == 0 || binding.Back is not { Type: SignaturePacket.PrimaryBinding } back || !back.IsBy(key, now, primary.Hashed, key.Hashed)) return;
        var until = Until(key, binding);
        _keys.Add(new SigningKey(key, primary.Fingerprint, until is null ? primaryUntil : primaryUntil is null ? until : Math.Min(until.Value, primaryUntil.Value)));
    }

    private static long? Until(KeyPacket key, SignaturePacket binding) => binding.KeyExpiresAfter > 0 ? key.CreatedAt + binding.KeyExpiresAfter : null;

    private static byte[] BigEndian(int number) => [(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number];
}
