using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Engine.Archive;
using Wharf.Engine.Images;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Artifacts;

/// <summary>Making artifacts of files. The same files give the same manifest: no time stands in it.</summary>
public sealed partial class ArtifactService
{
    private const string EmptyType = "application/vnd.oci.empty.v1+json", UnknownType = "application/vnd.unknown.artifact.v1", PlainFile = "application/octet-stream";

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$")] private static partial Regex MediaTypePattern();

    /// <summary>Takes the files of a tar archive, each by its own name. The credentials are for the subject's registry.</summary>
    public async Task<Artifact> AddAsync(ArtifactAddOptions options, AuthConfig? auth, Stream archive, CancellationToken cancellation)
    {
        var name = ImageReference.Parse(options.Name).WithDefaultTag();
        if (name.Digest is not null) throw WharfException.Invalid($"{options.Name}: an artifact is named by a tag, its digest follows from its files");
        foreach (var type in (ReadOnlySpan<string>)[options.Type, options.FileType])
            if (type.Length > 0 && !MediaTypePattern().IsMatch(type)) throw WharfException.Invalid($"\"{type}\" is no media type");
        if (options is { Append: true, Replace: true }) throw WharfException.Invalid("append and replace exclude each other");
        if (options.Append && options.Type.Length > 0) throw WharfException.Invalid("the type of an artifact that is there does not change: append and type exclude each other");
        if (options.Append && options.Subject.Length > 0) throw WharfException.Invalid("the subject of an artifact that is there does not change: append and subject exclude each other");
        var former = _store.Find(name);
        if (former is not null && options is { Append: false, Replace: false }) throw WharfException.Conflict($"{name.Familiar}: artifact already exists");
        if (former is null && options.Append) throw WharfException.NotFound($"No such artifact: {name.Familiar}");
        // What is written stays until it is recorded.
        using var held = _images.HoldLayersForAdding();
        var manifest = options.Append ? await ManifestAsync(former!.Manifest, cancellation) : await NewAsync(options, auth, cancellation);
        await TakeFilesAsync(manifest.Layers!, options, archive, cancellation);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(manifest, ImageJson.Plain.Manifest);
        if (bytes.Length > _options.Limits.MaxManifest) throw WharfException.Invalid($"{name.Familiar}: too many files for one manifest");
        var digest = await _content.WriteAsync(bytes, cancellation);
        Keep(name, digest, manifest, former?.Manifest);
        Publish("add", name, digest);
        return await ReadAsync(_store.Find(name) ?? throw WharfException.Conflict($"{name.Familiar}: the artifact was removed meanwhile"), cancellation);
    }

    private async Task<Manifest> NewAsync(ArtifactAddOptions options, AuthConfig? auth, CancellationToken cancellation)
    {
        var empty = "{}"u8.ToArray();
        return new Manifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.OciManifest,
            ArtifactType = options.Type.Length > 0 ? options.Type : UnknownType,
            Config = new Descriptor { MediaType = EmptyType, Digest = await _content.WriteAsync(empty, cancellation), Size = empty.Length, Data = Convert.ToBase64String(empty) },
            Layers = [],
            Subject = options.Subject.Length > 0 ? await SubjectAsync(options.Subject, auth, cancellation) : null,
        };
    }

    /// <summary>A manifest as its registry has it now: a tag may stand for another one later, the artifact stays with this one.</summary>
    private async Task<Descriptor> SubjectAsync(string name, AuthConfig? auth, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        var (bytes, type, digest) = await client.ManifestAsync(reference.Digest?.ToString() ?? reference.Tag!, cancellation);
        return new Descriptor { MediaType = ManifestDocuments.TypeOf(bytes, type), Digest = digest, Size = bytes.Length };
    }

    private async Task TakeFilesAsync(List<Descriptor> files, ArtifactAddOptions options, Stream archive, CancellationToken cancellation)
    {
        var reader = new TarReader(archive, _options.Limits);
        int before = files.Count;
        while (await reader.ReadNextAsync(cancellation) is { } entry)
        {
            var title = entry.NameText;
            if (!entry.IsFile || !ArtifactFiles.IsName(title)) throw WharfException.Invalid($"\"{title}\" is not a file with a plain name");
            if (files.Exists(file => ArtifactFiles.TitleOf(file) == title)) throw WharfException.Conflict($"{title}: file already exists in artifact");
            await using var data = reader.OpenData();
            var blob = await _content.WriteAsync(data, null, cancellation);
            files.Add(blob with { MediaType = options.FileType.Length > 0 ? options.FileType : PlainFile, Annotations = new(options.Annotations) { [ArtifactFiles.Title] = title } });
        }
        if (files.Count == before) throw WharfException.Invalid("no file was given");
    }
}
