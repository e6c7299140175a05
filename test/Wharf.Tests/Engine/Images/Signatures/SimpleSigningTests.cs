using System.Text;
using Shouldly;
using Wharf.Engine.Images.Signatures;
using Wharf.Engine.Images.Signatures.OpenPgp;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images.Signatures;

/// <summary>GnuPG's signatures: real ones, and what must not pass for one.</summary>
public sealed class SimpleSigningTests
{
    private static readonly Digest Subject = Digest.Parse("sha256:" + new string('a', 64));
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    public static TheoryData<string, string> Good => new() { { GpgSamples.RsaKey, GpgSamples.RsaMessage }, { GpgSamples.EdKey, GpgSamples.EdMessage }, { GpgSamples.EcKey, GpgSamples.EcMessage }, { GpgSamples.SubKey, GpgSamples.SubMessage } };

    private static Keyring Ring(string key) => Keyring.Read(Convert.FromBase64String(key));

    private static VerifiedSignature? Verify(byte[] message, Keyring keys, DateTimeOffset? now = null) => SimpleSigning.Verify(message, keys, Subject, now ?? Now);

    [Theory]
    [MemberData(nameof(Good))]
    public void What_gpg_signed_is_by_the_key_that_signed_it_and_by_no_other(string key, string message)
    {
        var bytes = Convert.FromBase64String(message);
        Verify(bytes, Ring(key)).ShouldNotBeNull().DockerReference.ShouldBe("example.com/app:v1");
        foreach (var other in Good.Select(static row => row.Data.Item1).Where(other => other != key)) Verify(bytes, Ring(other)).ShouldBeNull();
        SimpleSigning.Verify(bytes, Ring(key), Digest.Parse("sha256:" + new string('b', 64)), Now).ShouldBeNull();
        // Before it was made it is none.
        Verify(bytes, Ring(key), DateTimeOffset.FromUnixTimeSeconds(1_600_000_000)).ShouldBeNull();
        var armored = $"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{key}\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
        Verify(bytes, Keyring.Read(Encoding.ASCII.GetBytes(armored))).ShouldNotBeNull();
        Verify(bytes, Keyring.Read([.. Convert.FromBase64String(GpgSamples.GoneKey), .. Convert.FromBase64String(key)])).ShouldNotBeNull();
    }

    [Theory]
    [InlineData(GpgSamples.GoneKey)]
    [InlineData(GpgSamples.OldKey)]
    [InlineData("")]
    [InlineData("AAAA")]
    public void Keys_that_are_revoked_expired_or_none_are_no_keyring(string key) => Should.Throw<FormatException>(() => Ring(key));

    [Fact]
    public void A_key_without_its_own_word_and_a_subkey_without_both_bindings_do_not_count()
    {
        var packets = Packets.Read(Convert.FromBase64String(GpgSamples.SubKey));
        packets.Select(static packet => packet.Tag).ShouldBe([Packet.KeyTag, Packet.UserIdTag, Packet.SignatureTag, Packet.SubkeyTag, Packet.SignatureTag]);
        var message = Convert.FromBase64String(GpgSamples.SubMessage);
        Verify(message, Keyring.Read(Written(packets))).ShouldNotBeNull();
        Verify(message, Keyring.Read(Written(packets[..3]))).ShouldBeNull();
        Verify(message, Keyring.Read(Written(packets[..4]))).ShouldBeNull();
        Should.Throw<FormatException>(() => Keyring.Read(Written([packets[0], packets[1], packets[3], packets[4]])));
        // Another's subkey, with the binding that is the other's.
        var stranger = Packets.Read(Convert.FromBase64String(GpgSamples.EdKey));
        Verify(message, Keyring.Read(Written([.. stranger, packets[3], packets[4]]))).ShouldBeNull();
    }

    private static byte[] Written(IEnumerable<Packet> packets) =>
        [.. packets.SelectMany(static packet => (byte[])[(byte)(0xc0 | packet.Tag), 0xff, 0, 0, (byte)(packet.Body.Length >> 8), (byte)packet.Body.Length, .. packet.Body])];

    [Theory]
    [MemberData(nameof(Good))]
    public void No_flipped_bit_and_no_cut_is_taken_for_another_statement_and_none_throws(string key, string message)
    {
        var keys = Ring(key);
        // Without its compression, so that each bit counts for itself.
        var plain = Plain(Convert.FromBase64String(message));
        Verify(plain, keys).ShouldNotBeNull();
        for (int bit = 0; bit < plain.Length * 8; bit++)
        {
            var changed = plain.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            // What is not signed (the file's name and time, hints at the key) may change, and nothing else.
            if (Verify(changed, keys) is { } still) still.ShouldBe(Verify(plain, keys));
        }
        for (int length = 0; length < plain.Length; length++) Verify(plain[..length], keys).ShouldBeNull();
        for (int length = 0; length < 200; length++) SimpleSigning.Verify(Convert.FromBase64String(message)[..length], keys, Subject, Now).ShouldBeNull();
    }

    private static byte[] Plain(byte[] message)
    {
        var compressed = Packets.Read(message).ShouldHaveSingleItem();
        using var inflated = new System.IO.Compression.DeflateStream(new MemoryStream(compressed.Body, 1, compressed.Body.Length - 1), System.IO.Compression.CompressionMode.Decompress);
        using var plain = new MemoryStream();
        inflated.CopyTo(plain);
        return plain.ToArray();
    }

    [Fact]
    public void Two_signatures_or_two_documents_in_one_message_sign_nothing()
    {
        var one = Packets.Read(Plain(Convert.FromBase64String(GpgSamples.EdMessage)));
        var keys = Ring(GpgSamples.EdKey);
        Verify(Written(one), keys).ShouldNotBeNull();
        Verify(Written([one[0], one[1], one[1], one[2]]), keys).ShouldBeNull();
        Verify(Written([one[0], one[1], one[2], one[2]]), keys).ShouldBeNull();
        Verify(Written([.. one, .. one]), keys).ShouldBeNull();
        // A bomb.
        var zeros = new byte[1 << 20];
        using var packed = new MemoryStream();
        using (var deflate = new System.IO.Compression.DeflateStream(packed, System.IO.Compression.CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(zeros);
        Verify(Written([new Packet(Packet.CompressedTag, [1, .. packed.ToArray()])]), keys).ShouldBeNull();
    }
}
