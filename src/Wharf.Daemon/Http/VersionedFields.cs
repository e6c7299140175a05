using System.Text.Json;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Http;

/// <summary>Fields that came and went between API versions 1.24 and 1.51, per the API's history.</summary>
public static class VersionedFields
{
    private static readonly ApiVersion NoVirtualSize = new(1, 44), NoContainerConfig = new(1, 45), NoNoneNames = new(1, 43), Counted = new(1, 51), OciImageConfig = new(1, 50);

    /// <summary>Until 1.42 a nameless image had names that say so, until 1.43 an image's size was told twice; from 1.51 the containers of an image are counted.</summary>
    public static void Images(ApiVersion version, IEnumerable<ImageSummary> images)
    {
        foreach (var image in images)
        {
            if (version < Counted) image.Containers = -1;
            if (version < NoVirtualSize) image.VirtualSize = image.Size;
            if (version >= NoNoneNames) continue;
            if (image is { RepoTags: [], RepoDigests: [] }) (image.RepoTags, image.RepoDigests) = (["<none>:<none>"], ["<none>@<none>"]);
            (image.RepoTags, image.RepoDigests) = (OrNull(image.RepoTags), OrNull(image.RepoDigests));
        }
    }

    /// <summary>As images are told in <c>/system/df</c>: a list of no names is null there.</summary>
    public static void DiskUsage(ApiVersion version, IEnumerable<ImageSummary> images)
    {
        foreach (var image in images)
        {
            if (version < NoVirtualSize) image.VirtualSize = image.Size;
            (image.RepoTags, image.RepoDigests) = (OrNull(image.RepoTags), OrNull(image.RepoDigests));
        }
    }

    private static List<string>? OrNull(List<string>? names) => names is [] ? null : names;

    /// <summary>Until 1.43 VirtualSize; until 1.44 the container an image was committed from; until 1.49 a container's fields in the image's config.</summary>
    public static void Image(ApiVersion version, ImageInspect image)
    {
        if (version < NoVirtualSize) image.VirtualSize = image.Size;
        if (version < NoContainerConfig) image.ContainerConfig ??= JsonSerializer.SerializeToElement(Empty(), DockerApiJson.Default.ContainerConfig);
        else (image.Container, image.ContainerConfig) = (null, null);
        if (version >= OciImageConfig || image.Config is not { } config) return;
        config.Hostname ??= "";
        config.Domainname ??= "";
        config.Image ??= "";
        config.AttachStdin ??= false;
        config.AttachStdout ??= false;
        config.AttachStderr ??= false;
        config.Tty ??= false;
        config.OpenStdin ??= false;
        config.StdinOnce ??= false;
    }

    /// <summary>Until 1.44 a container's short ID and host name were among its aliases on networks of users.</summary>
    public static void Container(ApiVersion version, ContainerInspectResponse container)
    {
        if (version >= NoContainerConfig || container.NetworkSettings?.Networks is not { } networks) return;
        foreach (var (name, endpoint) in networks)
            if (name is not ("bridge" or "host" or "none")) endpoint.Aliases = [.. (endpoint.Aliases ?? []).Append(container.Id![..12]).Append(container.Config?.Hostname ?? "").Where(alias => alias.Length > 0).Distinct()];
    }

    /// <summary>From 1.46 lists tell annotations.</summary>
    public static void Containers(ApiVersion version, IEnumerable<ContainerSummary> containers)
    {
        if (version >= new ApiVersion(1, 46)) return;
        foreach (var container in containers) container.HostConfig!.Annotations = null;
    }

    /// <summary><c>seccomp</c> of <c>name=seccomp,profile=builtin</c>, which is how 1.24 told it.</summary>
    private static string Bare(string option) => option.StartsWith("name=", StringComparison.Ordinal) ? option[5..].Split(',')[0] : option;

    private static ContainerConfig Empty() => new()
    {
        Hostname = "", Domainname = "", User = "", AttachStdin = false, AttachStdout = false, AttachStderr = false, Tty = false, OpenStdin = false, StdinOnce = false, Image = "", WorkingDir = "",
    };

    /// <summary>Until 1.41 KernelMemory; from 1.44 a runtime's status, from 1.46 containerd, from 1.49 the firewall; until 1.46 the non-distributable lists, until 1.48 the commits expected, until 1.49 the bridge filters.</summary>
    public static void Info(ApiVersion version, SystemInfo info)
    {
        if (version < new ApiVersion(1, 42)) info.KernelMemory = info.CgroupVersion == "1";
        if (version < new ApiVersion(1, 25)) info.SecurityOptions = [.. (info.SecurityOptions ?? []).Select(Bare)];
        if (version < new ApiVersion(1, 46)) info.Containerd = null;
        if (version < new ApiVersion(1, 47) && info.RegistryConfig is { } registries) (registries.AllowNondistributableArtifactsCIDRs, registries.AllowNondistributableArtifactsHostnames) = ([], []);
        if (version < new ApiVersion(1, 49))
        {
            info.FirewallBackend = null;
            foreach (var commit in (ReadOnlySpan<CommitInfo?>)[info.RuncCommit, info.ContainerdCommit, info.InitCommit])
                if (commit is { ID.Length: > 0 }) commit.Expected = commit.ID;
        }
        if (version < new ApiVersion(1, 50)) info.DiscoveredDevices = null;
        if (version < new ApiVersion(1, 50)) (info.BridgeNfIptables, info.BridgeNfIp6tables) = (false, false);
    }
}
