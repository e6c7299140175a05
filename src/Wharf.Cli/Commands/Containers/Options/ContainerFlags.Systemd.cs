using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

// What systemd as the first process of a container needs (its "Container Interface"), by the API's own fields.
internal sealed partial class ContainerFlags
{
    // Read by systemd as "halt"; SIGTERM makes it execute itself anew.
    private const string SystemdStopSignal = "SIGRTMIN+3";
    private static readonly string[] SystemdTmpfs = ["/run", "/run/lock", "/tmp", "/var/log/journal"];

    private void ApplySystemd(ContainerCreateRequest request)
    {
        if (!systemd) return;
        var host = request.HostConfig!;
        if (cgroupNs.Value == "host") throw Conflict("--systemd and --cgroupns host");
        host.CgroupnsMode = "private";
        host.Tmpfs ??= [];
        var taken = (request.Volumes?.Keys ?? Enumerable.Empty<string>())
            .Concat((host.Binds ?? []).Select(bind => bind.Split(':').ElementAtOrDefault(1) ?? ""))
            .Concat((host.Mounts ?? []).Select(mount => mount.Target ?? "")).ToHashSet();
        foreach (var path in SystemdTmpfs)
            if (!taken.Contains(path)) host.Tmpfs.TryAdd(path, path == "/tmp" ? "mode=1777,exec" : "mode=755,exec");
        if (!privileged) host.SecurityOpt = [.. host.SecurityOpt ?? [], "writable-cgroups=true"];
        request.StopSignal ??= SystemdStopSignal;
        request.Env = [.. request.Env ?? [], .. (request.Env ?? []).Any(entry => entry.StartsWith("container=", StringComparison.Ordinal)) ? (string[])[] : ["container=oci"]];
    }
}
