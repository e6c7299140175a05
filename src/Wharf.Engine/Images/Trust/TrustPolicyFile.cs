using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Wharf.Engine.Images.Signatures;
using Wharf.Engine.Images.Signatures.OpenPgp;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Trust;

/// <summary>
/// Reads a trust policy. As strict as its makers ask for: what is unknown, twice there or not supported makes the file no good (InvalidArgument, which names the place).
/// Keys and certificates are read with it.
/// </summary>
public static class TrustPolicyFile
{
    private const long MaxSize = 1 << 20;

    public static TrustPolicy Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxSize) throw Invalid("larger than a MiB");
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            return Read(path, new PolicyObject(document.RootElement, "the policy"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException) { throw WharfException.Invalid($"trust policy {path}: {error.Message}", error); }
        catch (WharfException error) { throw WharfException.Invalid($"trust policy {path}: {error.Message}", error); }
    }

    private static TrustPolicy Read(string path, PolicyObject root)
    {
        var otherwise = Requirements(root.Take("default") ?? throw Invalid("it has no \"default\""), "default");
        var transports = new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<TrustRequirement>>>(StringComparer.Ordinal);
        if (root.Take("transports") is { } all)
            foreach (var (transport, scopes) in new PolicyObject(all, "transports").Rest())
                transports[transport] = new PolicyObject(scopes, $"transports.{transport}").Rest().ToDictionary(entry => Scope(transport, entry.Key), entry => Requirements(entry.Value, $"transports.{transport}.\"{entry.Key}\""), StringComparer.Ordinal);
        root.End();
        return new TrustPolicy(path, otherwise, transports);
    }

    /// <summary>A scope that fits no name would let all go by what was to be held up: <c>busybox</c> for <c>docker.io/library/busybox</c>.</summary>
    private static string Scope(string transport, string scope)
    {
        var host = scope.Split('/')[0];
        if (transport == TrustPolicy.Registry && scope.Length > 0 && host != "localhost" && host.IndexOfAny(['.', ':']) < 0) throw Invalid($"transports.docker: \"{scope}\" fits no image: names are written in full, as in docker.io/library/busybox");
        return scope;
    }

    private static IReadOnlyList<TrustRequirement> Requirements(JsonElement list, string place)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0) throw Invalid($"{place}: not a list of requirements, of at least one");
        return [.. list.EnumerateArray().Select(element => Requirement(new PolicyObject(element, place)))];
    }

    private static TrustRequirement Requirement(PolicyObject requirement)
    {
        var type = requirement.Text("type") ?? throw Invalid($"{requirement.Place}: a requirement has no \"type\"");
        var read = type switch
        {
            TrustRequirement.AcceptAnything or TrustRequirement.Reject => new TrustRequirement(type),
            TrustRequirement.SigstoreSigned => Sigstore(requirement),
            TrustRequirement.NotationSigned => Notation(requirement),
            TrustRequirement.SignedBy => Gpg(requirement),
            _ => throw Invalid($"{requirement.Place}: unknown type \"{type}\""),
        };
        requirement.End();
        return read;
    }

    private static SignatureRequirement Sigstore(PolicyObject requirement)
    {
        var keys = requirement.Files("key");
        var fulcio = requirement.Take("fulcio");
        if (requirement.Take("pki") is not null) throw Invalid($"{requirement.Place}: pki is not supported");
        if ((keys.Count > 0) == fulcio is not null) throw Invalid($"{requirement.Place}: sigstoreSigned takes one of keyPath, keyPaths, keyData, keyDatas and fulcio");
        var rekor = requirement.Files("rekorPublicKey").Select(static key => PublicKeys.Read(key.Text, key.Source)).ToList();
        var log = rekor.Count > 0 ? new TransparencyLog(rekor) : null;
        var identity = IdentityOf(requirement);
        if (fulcio is null) return new AttachedSignatureRequirement(TrustRequirement.SigstoreSigned, new SignatureVerifier([.. keys.Select(key => new KeySigner(key.Source, PublicKeys.Read(key.Text, key.Source), log))], []), [.. keys.Select(static key => key.Source)], identity);
        var (signer, who) = Fulcio(new PolicyObject(fulcio.Value, $"{requirement.Place}.fulcio"), log ?? throw Invalid($"{requirement.Place}: fulcio needs rekorPublicKeyPath or rekorPublicKeyData"));
        return new AttachedSignatureRequirement(TrustRequirement.SigstoreSigned, new SignatureVerifier([signer], []), [who], identity);
    }

    private static SignedIdentity IdentityOf(PolicyObject requirement) =>
        requirement.Take("signedIdentity") is { } told ? Identity(new PolicyObject(told, $"{requirement.Place}.signedIdentity")) : new SignedIdentity(SignedIdentity.Default);

    private static GpgSignatureRequirement Gpg(PolicyObject requirement)
    {
        if (requirement.Text("keyType") is not "GPGKeys") throw Invalid($"{requirement.Place}: keyType of signedBy must be \"GPGKeys\"");
        var keys = requirement.Bytes("key");
        if (keys.Count == 0) throw Invalid($"{requirement.Place}: signedBy takes one of keyPath, keyPaths and keyData");
        return new GpgSignatureRequirement([.. keys.Select(static key => ReadKeyring(key.Bytes, key.Source))], [.. keys.Select(static key => key.Source)], IdentityOf(requirement));
    }

    private static Keyring ReadKeyring(byte[] bytes, string source)
    {
        try { return Keyring.Read(bytes); }
        catch (Exception error) when (error is FormatException or CryptographicException) { throw WharfException.Invalid($"{source} is no keyring of GnuPG's: {error.Message}", error); }
    }

    private static (KeylessSigner Signer, string Who) Fulcio(PolicyObject fulcio, TransparencyLog log)
    {
        var roots = fulcio.Certificates("ca");
        var issuer = fulcio.Text("oidcIssuer") ?? throw Invalid($"{fulcio.Place}: oidcIssuer is missing");
        var (email, identity) = (fulcio.Text("subjectEmail"), fulcio.Text("identity"));
        if (email is null == identity is null) throw Invalid($"{fulcio.Place}: it takes one of subjectEmail and identity");
        fulcio.End();
        return (new KeylessSigner(roots, log, issuer, email is null ? KeylessSigner.Pattern(identity!) : name => name == email), $"{email ?? identity} ({issuer})");
    }

    private static SignatureRequirement Notation(PolicyObject requirement)
    {
        var roots = requirement.Certificates("ca");
        var subject = requirement.Text("subject");
        try { return new AttachedSignatureRequirement(TrustRequirement.NotationSigned, new SignatureVerifier([], [new NotationSigner(roots, subject)]), [subject ?? string.Join("; ", roots.Select(static root => root.Subject))], null); }
        catch (CryptographicException error) { throw WharfException.Invalid($"{requirement.Place}: subject \"{subject}\" is no distinguished name: {error.Message}", error); }
    }

    private static SignedIdentity Identity(PolicyObject identity)
    {
        var type = identity.Text("type") ?? throw Invalid($"{identity.Place}: it has no \"type\"");
        string Needed(string key) => identity.Text(key) is { Length: > 0 } text ? text : throw Invalid($"{identity.Place}: {type} needs {key}");
        var read = type switch
        {
            "matchExact" or SignedIdentity.Default or "matchRepository" or SignedIdentity.DigestOnly => new SignedIdentity(type),
            "exactReference" => new SignedIdentity(type, Needed("dockerReference")),
            "exactRepository" => new SignedIdentity(type, Needed("dockerRepository")),
            "remapIdentity" => new SignedIdentity(type, Needed("prefix"), Needed("signedPrefix")),
            _ => throw Invalid($"{identity.Place}: unknown type \"{type}\""),
        };
        identity.End();
        return read;
    }

    private static WharfException Invalid(string message) => WharfException.Invalid(message);

    /// <summary>An object of the file, whose members are taken one by one: one that nobody takes is unknown.</summary>
    private sealed class PolicyObject
    {
        private readonly Dictionary<string, JsonElement> _members;

        public PolicyObject(JsonElement element, string place)
        {
            Place = place;
            if (element.ValueKind != JsonValueKind.Object) throw Invalid($"{place}: not an object");
            _members = element.EnumerateObject().ToDictionary(static member => member.Name, static member => member.Value, StringComparer.Ordinal);
        }

        public string Place { get; }

        public JsonElement? Take(string key) => _members.Remove(key, out var value) ? value : null;

        public string? Text(string key) => Take(key) switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            _ => throw Invalid($"{Place}: {key} is not a string"),
        };

        public IEnumerable<KeyValuePair<string, JsonElement>> Rest() => _members;

        public void End()
        {
            if (_members.Count > 0) throw Invalid($"{Place}: unknown key \"{_members.Keys.First()}\"");
        }

        /// <summary>As <see cref="Bytes"/>, of texts.</summary>
        public IReadOnlyList<(string Source, string Text)> Files(string name) => [.. Bytes(name).Select(static file => (file.Source, Encoding.UTF8.GetString(file.Bytes)))];

        /// <summary>What one of NAMEPath, NAMEPaths, NAMEData (base64) and NAMEDatas holds, and where it is from; none when none is there.</summary>
        public IReadOnlyList<(string Source, byte[] Bytes)> Bytes(string name)
        {
            var kinds = new[] { "Path", "Paths", "Data", "Datas" }.Select(kind => (Key: name + kind, Value: Take(name + kind))).Where(static kind => kind.Value is not null).ToList();
            if (kinds.Count > 1) throw Invalid($"{Place}: only one of {string.Join(" and ", kinds.Select(static kind => kind.Key))} can be given");
            if (kinds is not [var (key, value)]) return [];
            var list = key.EndsWith('s') ? value!.Value.ValueKind == JsonValueKind.Array && value.Value.GetArrayLength() > 0 ? value.Value.EnumerateArray().ToList() : throw Invalid($"{Place}: {key} is not a list of strings") : [value!.Value];
            if (list.Exists(static one => one.ValueKind != JsonValueKind.String)) throw Invalid($"{Place}: {key} is not of strings");
            if (key.Contains("Path", StringComparison.Ordinal)) return [.. list.Select(static path => (path.GetString()!, File.ReadAllBytes(path.GetString()!)))];
            return [.. list.Select(data => data.TryGetBytesFromBase64(out var bytes) ? ($"{Place}.{key}", bytes) : throw Invalid($"{Place}: {key} is not base64"))];
        }

        public System.Security.Cryptography.X509Certificates.X509Certificate2Collection Certificates(string name) =>
            Files(name) is [var (source, text)] ? Signatures.Certificates.ReadRoots(text, source) : throw Invalid($"{Place}: one of {name}Path and {name}Data is needed");
    }
}
