namespace Wharf.Engine.Artifacts;

/// <summary>How files become an artifact.</summary>
public sealed record ArtifactAddOptions
{
    public required string Name { get; init; }
    /// <summary>What kind of artifact it is, a media type.</summary>
    public string Type { get; init; } = "";
    /// <summary>Media type of the files.</summary>
    public string FileType { get; init; } = "";
    /// <summary>Annotations of the files.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
    /// <summary>The image or artifact of a registry that it is about; empty for none.</summary>
    public string Subject { get; init; } = "";
    /// <summary>More files for an artifact that is there.</summary>
    public bool Append { get; init; }
    /// <summary>In the place of an artifact that may be there.</summary>
    public bool Replace { get; init; }
}
