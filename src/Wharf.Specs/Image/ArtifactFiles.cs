namespace Wharf.Specs.Image;

/// <summary>The files of an artifact: the layers of its manifest, with their names in annotations.</summary>
public static class ArtifactFiles
{
    public const string Title = "org.opencontainers.image.title";

    private const int MaxName = 255;

    /// <summary>Those that are asked for by digest (with its algorithm or without) or title; empty stands for all.</summary>
    public static List<Descriptor> Select(Manifest manifest, string digest, string title)
    {
        var files = manifest.Layers ?? [];
        if (digest.Length > 0) files = files.FindAll(file => file.Digest.ToString() == digest || file.Digest.Hex == digest);
        if (title.Length > 0) files = files.FindAll(file => TitleOf(file) == title);
        return files;
    }

    public static string? TitleOf(Descriptor file) => file.Annotations?.GetValueOrDefault(Title);

    /// <summary>What a file is called where it is put into a directory: its title, or its digest where it has none. A stranger's word, which may be no name at all (<see cref="IsName"/>).</summary>
    public static string NameOf(Descriptor file) => TitleOf(file) is { Length: > 0 } given ? given : file.Digest.ToString().Replace(':', '-');

    /// <summary>Whether it names a file in a directory, and cannot lead out of it.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= MaxName && name is not ("." or "..") && !name.AsSpan().ContainsAny('/', '\0', '\ufffd');
}
