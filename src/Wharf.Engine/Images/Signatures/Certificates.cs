using System.Formats.Asn1;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Signatures;

/// <summary>Certificates that sign: whose authority they are of, and whom they name.</summary>
public static class Certificates
{
    private const string CodeSigning = "1.3.6.1.5.5.7.3.3", AlternativeNames = "2.5.29.17", OtherName = "1.3.6.1.4.1.57264.1.7";

    /// <summary>InvalidArgument, with where they are from, when they are none.</summary>
    public static X509Certificate2Collection ReadRoots(string pem, string source)
    {
        var roots = new X509Certificate2Collection();
        try { roots.ImportFromPem(pem); }
        catch (CryptographicException error) { throw WharfException.Invalid($"{source} is no certificate in PEM: {error.Message}", error); }
        return roots.Count > 0 ? roots : throw WharfException.Invalid($"{source} has no certificates");
    }

    /// <summary>What the first block of a PEM text encodes.</summary>
    public static byte[] DerOf(string pem) => Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);

    /// <summary>Whether a certificate for code signing leads to one of the roots, all of them being good at that time.</summary>
    public static bool IsOf(X509Certificate2 leaf, X509Certificate2Collection between, X509Certificate2Collection roots, DateTimeOffset at)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.VerificationTime = at.UtcDateTime;
        policy.ApplicationPolicy.Add(new Oid(CodeSigning));
        // Fulcio's file holds its roots and what is between them and leaves.
        foreach (var root in roots) (root.SubjectName.RawData.AsSpan().SequenceEqual(root.IssuerName.RawData) ? policy.CustomTrustStore : policy.ExtraStore).Add(root);
        policy.ExtraStore.AddRange(between);
        return chain.Build(leaf);
    }

    /// <summary>Runs a verification. What strangers made may be anything: what cannot be read is as good as not signed.</summary>
    public static T? Guarded<T>(Func<T?> verify)
    {
        try { return verify(); }
        catch (Exception error) when (error is CryptographicException or ArgumentException or AsnContentException or CborContentException or JsonException or FormatException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or OverflowException) { return default; }
    }

    /// <summary>Mail addresses, URLs and Fulcio's user names that the certificate is for.</summary>
    public static IEnumerable<string> NamesOf(X509Certificate2 certificate)
    {
        var names = new List<string>();
        if (certificate.Extensions[AlternativeNames] is not { } extension) return names;
        var list = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
        while (list.HasData)
        {
            var tag = list.PeekTag();
            if (tag.TagClass == TagClass.ContextSpecific && tag.TagValue is 1 or 6) names.Add(list.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else if (tag is { TagClass: TagClass.ContextSpecific, TagValue: 0 })
            {
                var other = list.ReadSequence(tag);
                if (other.ReadObjectIdentifier() == OtherName) names.Add(other.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadCharacterString(UniversalTagNumber.UTF8String));
            }
            else list.ReadEncodedValue();
        }
        return names;
    }

    /// <summary>The issuer that told Fulcio who it was (github.com/sigstore/fulcio, docs/oid-info.md): as a DER string, or in older certificates as plain bytes.</summary>
    public static string? IssuerOf(X509Certificate2 certificate)
    {
        if (certificate.Extensions["1.3.6.1.4.1.57264.1.8"] is { } encoded) return new AsnReader(encoded.RawData, AsnEncodingRules.DER).ReadCharacterString(UniversalTagNumber.UTF8String);
        return certificate.Extensions["1.3.6.1.4.1.57264.1.1"] is { } plain ? Encoding.UTF8.GetString(plain.RawData) : null;
    }
}
