using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>What was written for a place (containers-transports(5)): a transport, the path of a file or directory, and a name or tag if one was said.</summary>
internal sealed record CopyLocation(string Transport, string Path, ImageReference? Name, string? Tag)
{
    private const string Registry = "docker", Layout = "oci", LayoutArchive = "oci-archive", DockerArchive = "docker-archive", PlainDirectory = "dir";

    public bool IsRegistry => Transport == Registry;

    public static CopyLocation Parse(string text)
    {
        // A registry's port, too, follows a colon: only what is a transport's name is one.
        var (transport, rest) = text.IndexOf(':') is > 0 and var colon ? (text[..colon], text[(colon + 1)..]) : ("", text);
        switch (transport)
        {
            case PlainDirectory:
                return rest.Length > 0 ? new CopyLocation(transport, rest, null, null) : throw Expected(text, "dir:DIRECTORY");
            case Layout or LayoutArchive:
                // The tag follows the last colon; no path has one here, as with skopeo.
                var (path, tag) = Split(rest);
                return path.Length > 0 && tag is not { Length: 0 } ? new CopyLocation(transport, path, null, tag) : throw Expected(text, transport == Layout ? "oci:DIRECTORY[:TAG]" : "oci-archive:FILE[:TAG]");
            case DockerArchive:
                var (file, image) = Split(rest);
                if (file.Length == 0 || image is { Length: 0 }) throw Expected(text, "docker-archive:FILE[:NAME[:TAG]]");
                var inArchive = image is null ? null : ImageReference.Parse(image);
                return new CopyLocation(transport, file, inArchive, inArchive?.Tag);
        }
        var name = ImageReference.Parse(transport == Registry && rest.StartsWith("//", StringComparison.Ordinal) ? rest[2..] : text);
        return new CopyLocation(Registry, "", name, name.Tag);
    }

    private static (string Path, string? Name) Split(string text) => text.IndexOf(':') is >= 0 and var colon ? (text[..colon], text[(colon + 1)..]) : (text, null);

    private static WharfException Expected(string text, string form) => WharfException.Invalid($"\"{text}\": expected {form}");

    /// <summary>What to ask the place for, as a source.</summary>
    public string Reference => IsRegistry ? Name!.Digest?.ToString() ?? Tag ?? ImageReference.DefaultTag : Tag is not null && Name is null ? Tag : LayoutPlace.Only;

    /// <summary>As it is told at the end; a directory and an archive of docker's have no tag.</summary>
    public string Describe(string tag) => Transport switch
    {
        Registry => Name!.WithTag(tag).Familiar,
        Layout or LayoutArchive => $"{Transport}:{Path}:{tag}",
        _ => $"{Transport}:{Path}",
    };

    public async Task<ICopyPlace> OpenSourceAsync(RegistrySession session, CancellationToken cancellation) => Transport switch
    {
        Registry => new RepositoryPlace(await session.ConnectAsync(Name!, false, cancellation)),
        PlainDirectory => new DirectoryPlace(Path),
        Layout => new LayoutPlace(Path),
        LayoutArchive => await LayoutArchivePlace.ReadAsync(Path, cancellation),
        _ => await DockerArchiveSource.ReadAsync(Path, Name, cancellation),
    };

    /// <param name="mountFrom">Another repository of the same registry, whose blobs may be mounted.</param>
    public async Task<ICopyPlace> OpenTargetAsync(RegistrySession session, string? mountFrom, CancellationToken cancellation) => Transport switch
    {
        Registry => new RepositoryPlace(await session.ConnectAsync(Name!, true, cancellation, mountFrom is null ? [] : [mountFrom]), mountFrom),
        PlainDirectory => new DirectoryPlace(Path),
        Layout => new LayoutPlace(Path),
        LayoutArchive => LayoutArchivePlace.Create(Path),
        _ => new DockerArchiveTarget(Path, Name),
    };
}
