using System.Globalization;
using Wharf.Cli.Commands.Images;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>Reads a container of a pod as the request that makes it.</summary>
internal sealed class ContainerReader(KubeFile file, PodSettings settings, VolumeReader volumes)
{
    /// <summary>The label with the name that the file has for a container.</summary>
    public const string NameLabel = "wharf.kube.container";

    public ContainerPlan Read(PodPlan pod, KubeNode node, bool isInit)
    {
        var name = node.Required("name");
        var stays = isInit && node.Choice("restartPolicy", "Always") == "Always";
        var restart = isInit ? stays ? "always" : "no" : settings.Restart;
        var request = new ContainerCreateRequest
        {
            Image = node.Required("image"), WorkingDir = node.Text("workingDir"), Tty = node.Bool("tty") == true, OpenStdin = node.Bool("stdin") == true, StdinOnce = node.Bool("stdinOnce") == true,
            StopTimeout = settings.GracePeriod, Labels = new(settings.Metadata.Labels) { [NameLabel] = name },
            HostConfig = new HostConfig { RestartPolicy = new RestartPolicy { Name = restart }, Annotations = new(settings.Metadata.Annotations), Mounts = [] },
        };
        node.Ignore("terminationMessagePath", "terminationMessagePolicy");
        int secrets = 0;
        var environment = new EnvironmentReader(file, settings.Pod, settings.Metadata);
        environment.Read(node);
        environment.Apply(request, ref secrets);
        request.Entrypoint = Words("command");
        request.Cmd = Words("args");
        foreach (var mount in node.Objects("volumeMounts")) volumes.Mount(mount, request, ref secrets);
        Resources(node, request.HostConfig);
        ProbeReader.Apply(node, request, Ports(pod, node), isRestarted: restart != "no");
        var checksUser = Security(node.Object("securityContext"), request);
        return new ContainerPlan($"{settings.Pod}-{name}", Pull(node), request) { Stays = stays, ChecksUser = checksUser };

        List<string>? Words(string key) => node.Texts(key)?.ConvertAll(word => environment.Expand(node, key, word));
    }

    private static string Pull(KubeNode node) => node.Choice("imagePullPolicy", "Always", "IfNotPresent", "Never") switch { "Always" => PullPolicy.Always, "Never" => PullPolicy.Never, _ => PullPolicy.Missing };

    /// <summary>Those with a port of the host are published by the pod, which exposes the others. Returns the ports that have names.</summary>
    private static Dictionary<string, int> Ports(PodPlan pod, KubeNode node)
    {
        var named = new Dictionary<string, int>();
        foreach (var port in node.Objects("ports"))
        {
            var inside = Port(port, "containerPort") ?? throw port.Wrong("containerPort", "it is missing");
            var protocol = (port.Choice("protocol", "TCP", "UDP", "SCTP") ?? "TCP").ToLowerInvariant();
            var (host, address) = (Port(port, "hostPort"), port.Text("hostIP"));
            if (port.Text("name") is { } name) named[name] = inside;
            if (pod.HostName is null) continue;
            if (host is null)
            {
                pod.Options.AddRange(["--expose", string.Create(CultureInfo.InvariantCulture, $"{inside}/{protocol}")]);
                continue;
            }
            var at = string.IsNullOrEmpty(address) ? "" : address.Contains(':') ? $"[{address}]:" : $"{address}:";
            pod.Options.AddRange(["--publish", string.Create(CultureInfo.InvariantCulture, $"{at}{host}:{inside}/{protocol}")]);
        }
        return named;
    }

    private static int? Port(KubeNode port, string key) => port.Number(key) switch { null => null, > 0 and <= ushort.MaxValue and var number => (int)number, _ => throw port.Wrong(key, "it is no port") };

    private static void Resources(KubeNode node, HostConfig host)
    {
        if (node.Object("resources") is not { } resources) return;
        var (limits, requests) = (resources.Object("limits"), resources.Object("requests"));
        host.NanoCpus = KubeQuantity.Read(limits, "cpu", 1_000_000_000);
        host.Memory = KubeQuantity.Read(limits, "memory");
        host.MemoryReservation = KubeQuantity.Read(requests, "memory");
        // A CPU that is asked for is 1024 shares, and 2 the least there is.
        if (KubeQuantity.Read(requests, "cpu", 1024) is { } shares) host.CpuShares = Math.Max(2, shares);
    }

    /// <summary>What the pod says counts where the container says nothing. Returns whether the image's user is to be looked at.</summary>
    private bool Security(KubeNode? own, ContainerCreateRequest request)
    {
        var (host, pod) = (request.HostConfig!, settings.Security);
        var (user, group) = (own?.Number("runAsUser") ?? pod?.Number("runAsUser"), own?.Number("runAsGroup") ?? pod?.Number("runAsGroup"));
        var isNotRoot = (own?.Bool("runAsNonRoot") ?? pod?.Bool("runAsNonRoot")) == true;
        if (isNotRoot && user == 0) throw own?.Wrong("runAsUser", "it is 0, which runAsNonRoot excludes") ?? pod!.Wrong("runAsUser", "it is 0, which runAsNonRoot excludes");
        if (user is not null) request.User = group is null ? $"{user}" : $"{user}:{group}";
        else if (group is not null) request.User = $"0:{group}";
        List<string> groups = [.. pod?.Texts("supplementalGroups") ?? []];
        if (pod?.Number("fsGroup") is { } files) groups.Add(files.ToString(CultureInfo.InvariantCulture));
        host.GroupAdd = groups.Count == 0 ? null : groups;
        List<string> options = [];
        if ((own?.Object("seccompProfile") ?? pod?.Object("seccompProfile"))?.Choice("type", "RuntimeDefault", "Unconfined") == "Unconfined") options.Add("seccomp=unconfined");
        if ((own?.Object("appArmorProfile") ?? pod?.Object("appArmorProfile"))?.Choice("type", "RuntimeDefault", "Unconfined") == "Unconfined") options.Add("apparmor=unconfined");
        if (own?.Bool("allowPrivilegeEscalation") == false) options.Add("no-new-privileges");
        host.SecurityOpt = options.Count == 0 ? null : options;
        host.Privileged = own?.Bool("privileged") == true;
        host.ReadonlyRootfs = own?.Bool("readOnlyRootFilesystem") == true;
        if (own?.Choice("procMount", "Default", "Unmasked") == "Unmasked") (host.MaskedPaths, host.ReadonlyPaths) = ([], []);
        if (own?.Object("capabilities") is { } capabilities) (host.CapAdd, host.CapDrop) = (capabilities.Texts("add"), capabilities.Texts("drop"));
        return isNotRoot && user is null;
    }
}
