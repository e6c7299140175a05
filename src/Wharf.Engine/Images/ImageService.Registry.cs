using System.Text.Json;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>What is asked of registries without pulling: manifests, logins, search.</summary>
public sealed partial class ImageService
{
    /// <summary>Descriptor and platforms of an image in its registry.</summary>
    public async Task<DistributionInspect> DistributionAsync(string name, AuthConfig? auth, CancellationToken cancellation)
    {
        if (name.Length == 64 && !name.AsSpan().ContainsAnyExcept("0123456789abcdef")) throw new Specs.Errors.WharfException(Specs.Errors.ErrorKind.Internal, "no manifest found for full image ID");
        var reference = ImageReference.Parse(name).WithDefaultTag();
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        (byte[] Bytes, string? MediaType, Digest Digest) manifest;
        try { manifest = await client.ManifestAsync(reference.Digest?.ToString() ?? reference.Tag!, cancellation); }
        catch (Specs.Errors.WharfException error) when (error.Kind == Specs.Errors.ErrorKind.NotFound && error.Message.EndsWith(": denied: requested access to the resource is denied", StringComparison.Ordinal))
        {
            throw new Specs.Errors.WharfException(Specs.Errors.ErrorKind.Forbidden, "denied: requested access to the resource is denied");
        }
        catch (Specs.Errors.WharfException error) when (error.Kind == Specs.Errors.ErrorKind.NotFound && error.Message.IndexOf(" not found: ", StringComparison.Ordinal) is >= 0 and var at)
        {
            throw Specs.Errors.WharfException.NotFound(error.Message[(at + 12)..]);
        }
        var (bytes, type, digest) = manifest;
        if (ManifestDocuments.IsIndex(type, bytes))
        {
            var index = ManifestDocuments.ParseIndex(bytes, type);
            return Answer(index.MediaType ?? type ?? MediaTypes.OciIndex, [.. (index.Manifests ?? []).Where(entry => entry.Platform is not null).Select(entry => entry.Platform!)]);
        }
        var parsed = ManifestDocuments.ParseManifest(bytes, type);
        var platforms = new List<Platform>();
        if (parsed.Config!.MediaType is MediaTypes.OciConfig or MediaTypes.DockerConfig)
        {
            var config = JsonSerializer.Deserialize(await client.BlobAsync(parsed.Config, _options.Limits.MaxImageConfig, cancellation), ImageJson.Default.OciImage);
            if (config is { Os: not null, Architecture: not null }) platforms.Add(new Platform { Architecture = config.Architecture, Os = config.Os, Variant = config.Variant, OsVersion = config.OsVersion });
        }
        return Answer(parsed.MediaType ?? type ?? MediaTypes.OciManifest, platforms);

        DistributionInspect Answer(string mediaType, List<Platform> list) => new() { Descriptor = new Descriptor { MediaType = mediaType, Digest = digest, Size = bytes.Length }, Platforms = list };
    }

    /// <summary>The tags that a repository has in its registry, in the registry's order.</summary>
    public async Task<RepositoryTags> TagsAsync(string repository, AuthConfig? auth, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(repository);
        if (reference.Tag is not null || reference.Digest is not null) throw Specs.Errors.WharfException.Invalid($"bad parameter: {repository} names an image, not a repository");
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        return new RepositoryTags { Name = reference.FamiliarRepository, Tags = await client.TagsAsync(cancellation) };
    }

    /// <summary>Tries credentials at their registry; gives a token for later logins or an empty string.</summary>
    public async Task<string> LoginAsync(AuthConfig credentials, CancellationToken cancellation) => await RegistryLogin.LoginAsync(credentials, _options, cancellation) ?? "";

    public Task<List<ImageSearchResponseItem>> SearchAsync(string term, int limit, AuthConfig? auth, CancellationToken cancellation) => RegistryLogin.SearchAsync(term, limit, auth, _options, cancellation);
}
