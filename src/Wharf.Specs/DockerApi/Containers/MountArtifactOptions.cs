namespace Wharf.Specs.DockerApi;

/// <summary>Wharf's own: which files of an artifact are mounted, and under which name.</summary>
public sealed record MountArtifactOptions
{
    /// <summary>Only the file with this digest.</summary>
    public string? Digest { get; set; }
    /// <summary>Only the file with this title.</summary>
    public string? Title { get; set; }
    /// <summary>What the file is called in the container; of several, with <c>-0</c>, <c>-1</c> and so on behind it.</summary>
    public string? Name { get; set; }
}
