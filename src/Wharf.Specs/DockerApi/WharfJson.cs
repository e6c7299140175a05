using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>How a path differs between two file systems (Wharf's own <c>GET /wharf/diff</c>). Kind as in docker's changes: 0 changed, 1 added, 2 deleted.</summary>
public sealed record FileDifference
{
    public string Path { get; set; } = "";
    public int Kind { get; set; }
    /// <summary>Bytes of a file before and after; null where it is no file or not there.</summary>
    public long? SizeBefore { get; set; }
    public long? SizeAfter { get; set; }
}

/// <summary>What a check of the store found (<c>POST /wharf/check</c>).</summary>
public sealed record CheckReport
{
    public int Images { get; set; }
    public int Layers { get; set; }
    public int Blobs { get; set; }
    /// <summary>Bytes read and digested.</summary>
    public long Bytes { get; set; }
    public List<CheckProblem> Problems { get; set; } = [];
}

/// <summary>One thing that is not as it should be. <see cref="Repaired"/> tells what was done about it; null: nothing.</summary>
public sealed record CheckProblem
{
    /// <summary><c>image</c>, <c>layer</c>, <c>blob</c>, <c>artifact</c> or <c>leftover</c>.</summary>
    public string Kind { get; set; } = "";
    public string Object { get; set; } = "";
    public string Problem { get; set; } = "";
    public string? Repaired { get; set; }
}

/// <summary>A read-only view of a container, a version of one or an image on the host (<c>GET /wharf/mounts</c>).</summary>
public sealed record HostMount
{
    public string Name { get; set; } = "";
    public string Path { get; set; } = "";
}

/// <summary>What a collection of images removed, or would remove (<c>POST /wharf/images/gc</c>).</summary>
public sealed record ImageCollectionReport
{
    public bool DryRun { get; set; }
    public List<CollectedImage> Images { get; set; } = [];
    /// <summary>Bytes.</summary>
    public long SpaceReclaimed { get; set; }
}

/// <summary>One image of a collection.</summary>
public sealed record CollectedImage
{
    public string Id { get; set; } = "";
    public List<string> Names { get; set; } = [];
    public DateTime LastUsed { get; set; }
    /// <summary>The number of the rule that chose it, from 0.</summary>
    public int Rule { get; set; }
    /// <summary>Bytes of layers that no other image, container or build needs.</summary>
    public long Size { get; set; }
}

/// <summary>A statement about how an image was made, or what is in it (<c>GET /images/{name}/attestations</c>, which docker has from API 1.55 on).</summary>
public sealed record AttestationStatement
{
    public Image.Descriptor? Descriptor { get; set; }
    public string PredicateType { get; set; } = "";
    /// <summary>The statement itself, where it was asked for.</summary>
    public System.Text.Json.JsonElement? Statement { get; set; }
}

/// <summary>Whose images may come in (<c>GET /wharf/trust</c>).</summary>
public sealed record TrustState
{
    /// <summary>The trust policy's file; absent when there is none and every image may come in.</summary>
    public string? File { get; set; }
    public List<TrustRule> Rules { get; set; } = [];
    public List<string> BlockedRegistries { get; set; } = [];
    public List<string> AllowedRegistries { get; set; } = [];
}

/// <summary>One requirement of a trust policy. Transport and scope are empty for its default; an empty scope alone is the transport's own.</summary>
public sealed record TrustRule
{
    public string Transport { get; set; } = "";
    public string Scope { get; set; } = "";
    public string Type { get; set; } = "";
    public List<string> Signers { get; set; } = [];
    public string? SignedIdentity { get; set; }
}

/// <summary>Bytes on disk below the data root, by what they are for (<c>GET /wharf/disk</c>). Their sum is what du tells.</summary>
public sealed record DiskLedgerEntry
{
    public string Use { get; set; } = "";
    public long Bytes { get; set; }
    public long Files { get; set; }
}

/// <summary>A container's log as it lies on disk (<c>GET /wharf/containers/{id}/log</c>).</summary>
public sealed record ContainerLogUse
{
    public string Driver { get; set; } = "";
    /// <summary>The newest file; absent where nothing is kept here.</summary>
    public string? Path { get; set; }
    public int Files { get; set; }
    public long Bytes { get; set; }
    /// <summary>Lines of the last run that found a non-blocking log's buffer full.</summary>
    public long DroppedLines { get; set; }
}

/// <summary>A saved state of a container's own files (<c>GET /wharf/containers/{id}/versions</c>).</summary>
public sealed record ContainerVersion
{
    public int Number { get; set; }
    public DateTimeOffset Created { get; set; }
    /// <summary>Bytes of what differs from the image.</summary>
    public long Size { get; set; }
    public string Author { get; set; } = "";
    public string Comment { get; set; } = "";
}

/// <summary>Which version a container was put back to, and which holds what it was before (<c>POST /wharf/containers/{id}/rollback</c>).</summary>
public sealed record RollbackResult
{
    public int Version { get; set; }
    public int Saved { get; set; }
}

/// <summary>How the last build went, step by step (<c>GET /wharf/build/why</c>).</summary>
public sealed record BuildReport
{
    /// <summary>What names the build over time: its directory's key, or the image.</summary>
    public string Name { get; set; } = "";
    public string Dockerfile { get; set; } = "";
    public DateTimeOffset At { get; set; }
    public List<BuildReportStep> Steps { get; set; } = [];
}

/// <summary>A step of a build: taken from the cache, or the reasons why it was not.</summary>
public sealed record BuildReportStep
{
    public int Number { get; set; }
    public string Stage { get; set; } = "";
    public string Title { get; set; } = "";
    public bool Cached { get; set; }
    public List<string> Reasons { get; set; } = [];
}

/// <summary>The tags of a repository in its registry (<c>GET /wharf/tags/{name}</c>).</summary>
public sealed record RepositoryTags
{
    public string Name { get; set; } = "";
    public List<string> Tags { get; set; } = [];
}

/// <summary>Where a client hands over its standard output and error by SCM_RIGHTS (<c>POST /wharf/containers/{id}/streams</c>): one connection within ten seconds, two descriptors with any byte; an answer says what is wrong.</summary>
public sealed record StreamSocket { public string Path { get; set; } = ""; }

/// <summary>A name whose pushes send an image in a form of its own (<c>POST /wharf/images/{name}/convert</c>).</summary>
public sealed record ConvertedImage
{
    public string Id { get; set; } = "";
    /// <summary>The manifest's, as registries will have it.</summary>
    public string Digest { get; set; } = "";
    /// <summary>Bytes of the layers in that form.</summary>
    public long Size { get; set; }
}

/// <summary>Source-generated JSON of what only Wharf's own API has.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = true, MaxDepth = 64)]
[JsonSerializable(typeof(List<FileDifference>))]
[JsonSerializable(typeof(List<ContainerVersion>))]
[JsonSerializable(typeof(RollbackResult))]
[JsonSerializable(typeof(CheckReport))]
[JsonSerializable(typeof(ImageCollectionReport))]
[JsonSerializable(typeof(BuildReport))]
[JsonSerializable(typeof(ContainerLogUse))]
[JsonSerializable(typeof(JobCreateRequest))]
[JsonSerializable(typeof(List<Job>))]
[JsonSerializable(typeof(List<JobRun>))]
[JsonSerializable(typeof(List<DiskLedgerEntry>))]
[JsonSerializable(typeof(TrustState))]
[JsonSerializable(typeof(List<AttestationStatement>))]
[JsonSerializable(typeof(SecretCreateRequest))]
[JsonSerializable(typeof(List<Secret>))]
[JsonSerializable(typeof(HostMount))]
[JsonSerializable(typeof(RepositoryTags))]
[JsonSerializable(typeof(ConvertedImage))]
[JsonSerializable(typeof(List<Artifact>))]
[JsonSerializable(typeof(ArtifactRemoval))]
[JsonSerializable(typeof(List<HostMount>))]
[JsonSerializable(typeof(StreamSocket))]
public sealed partial class WharfJson : JsonSerializerContext;
