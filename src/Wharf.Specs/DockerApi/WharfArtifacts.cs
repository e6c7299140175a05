using Wharf.Specs.Image;

namespace Wharf.Specs.DockerApi;

/// <summary>An OCI artifact (<c>GET /wharf/artifacts</c>). Its files are the manifest's layers.</summary>
public sealed record Artifact
{
    public string Name { get; set; } = "";
    /// <summary>The manifest's.</summary>
    public string Digest { get; set; } = "";
    /// <summary>When it was added or pulled here.</summary>
    public DateTimeOffset CreatedAt { get; set; }
    /// <summary>Bytes of its files.</summary>
    public long Size { get; set; }
    public Manifest Manifest { get; set; } = new();
}

/// <summary>What was removed (<c>DELETE /wharf/artifacts/{name}</c>).</summary>
public sealed record ArtifactRemoval
{
    public string Digest { get; set; } = "";
}
