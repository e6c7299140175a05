using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>A pod as it is to be made.</summary>
internal sealed record PodPlan(string Name)
{
    /// <summary>Flags of its infra container.</summary>
    public List<string> Options { get; } = [];
    /// <summary>Null with the host's network.</summary>
    public string? HostName { get; set; } = "";
    public bool SharesPid { get; set; }
    public bool IsHostPid { get; set; }
    public bool IsHostIpc { get; set; }
    /// <summary>Volumes that come and go with it.</summary>
    public List<KubeVolume> Volumes { get; } = [];
    public List<ContainerPlan> InitContainers { get; } = [];
    public List<ContainerPlan> Containers { get; } = [];
}

/// <summary>A container of a pod as it is to be made.</summary>
internal sealed record ContainerPlan(string Name, string Pull, ContainerCreateRequest Request)
{
    /// <summary>Of init containers: one that runs on beside the others.</summary>
    public bool Stays { get; init; }
    /// <summary>The image's user is to be none with the number 0.</summary>
    public bool ChecksUser { get; init; }
}

/// <summary>A named volume; with files in it when they are not null.</summary>
internal sealed record KubeVolume(string Name)
{
    public Dictionary<string, string>? DriverOptions { get; init; }
    public List<KubeVolumeFile>? Files { get; init; }
}

/// <summary>A file by its path within a volume.</summary>
internal sealed record KubeVolumeFile(string Path, byte[] Content, UnixFileMode Mode);
