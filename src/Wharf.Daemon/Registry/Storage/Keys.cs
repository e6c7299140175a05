using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// The names of objects. Blobs (manifests among them) lie once for all repositories; a repository holds links. No component of a
/// repository's name begins with an underscore, so ours cannot be mistaken for one.
/// </summary>
public static class Keys
{
    public const string Blobs = "blobs/", Repositories = "repositories/", Catalog = "catalog/", Robots = "robots/", Uploads = "uploads/", Changes = "changes/";

    public static string Blob(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex.AsSpan(0, 2)}/{digest.Hex}";
    public static string Repository(string name) => $"repositories/{name}/";
    /// <summary>The blobs that may be read through a repository.</summary>
    public static string BlobLinks(string name) => $"repositories/{name}/_blobs/";
    public static string BlobLink(string name, Digest digest) => $"repositories/{name}/_blobs/{digest.Algorithm}/{digest.Hex}";
    public static string Manifests(string name) => $"repositories/{name}/_manifests/";
    public static string Manifest(string name, Digest digest) => $"repositories/{name}/_manifests/{digest.Algorithm}/{digest.Hex}";
    public static string Tags(string name) => $"repositories/{name}/_tags/";
    public static string Tag(string name, string tag) => $"repositories/{name}/_tags/{tag}";
    public static string Referrers(string name, Digest subject) => $"repositories/{name}/_referrers/{subject.Algorithm}/{subject.Hex}/";
    public static string Referrer(string name, Digest subject, Digest manifest) => $"repositories/{name}/_referrers/{subject.Algorithm}/{subject.Hex}/{manifest.Algorithm}-{manifest.Hex}";
    public static string Pulls(string name) => $"repositories/{name}/_pulls/";
    /// <summary>When a manifest was last pulled is when this was last written. Only over a shared store.</summary>
    public static string Pull(string name, Digest digest) => $"repositories/{name}/_pulls/{digest.Algorithm}/{digest.Hex}";
    /// <summary>Says that a repository exists; slashes stand as exclamation marks, which no name has.</summary>
    public static string CatalogEntry(string name) => "catalog/" + name.Replace('/', '!');
    public static string NameOfCatalogEntry(string key) => key["catalog/".Length..].Replace('!', '/');
    public static string Robot(string name) => "robots/" + name;
    /// <summary>A user's keys, the user as a digest of the name.</summary>
    public static string ApiKeys(string owner) => $"keys/{owner}/";
    public static string ApiKey(string owner, string id) => $"keys/{owner}/{id}";

    /// <summary>The digest a key ends in: <c>…/sha256/hex</c> or <c>…/sha256/he/hex</c>; default when it is none.</summary>
    public static Digest DigestOf(string key)
    {
        var parts = key.Split('/');
        if (parts.Length < 3) return default;
        var algorithm = parts[^2].Length == 2 && parts.Length >= 4 ? parts[^3] : parts[^2];
        return Digest.TryParse($"{algorithm}:{parts[^1]}", out var digest) ? digest : default;
    }
}
