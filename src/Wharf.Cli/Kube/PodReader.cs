namespace Wharf.Cli.Kube;

/// <summary>Reads a pod's specification (core/v1).</summary>
internal static class PodReader
{
    /// <param name="root">The whole document, which is known when the pod is.</param>
    public static PodPlan Read(KubeFile file, string name, KubeMetadata metadata, KubeNode spec, KubeNode root)
    {
        var pod = new PodPlan(name);
        Shared(pod, metadata, spec);
        var volumes = new VolumeReader(file, pod);
        foreach (var volume in spec.Objects("volumes")) volumes.Read(volume);
        var restart = spec.Choice("restartPolicy", "Always", "OnFailure", "Never") switch { "Never" => "no", "OnFailure" => "on-failure", _ => "always" };
        var settings = new PodSettings(name, metadata, restart, spec.Number("terminationGracePeriodSeconds"), spec.Object("securityContext"));
        Security(pod, settings);
        foreach (var container in spec.Objects("initContainers")) pod.InitContainers.Add(new ContainerReader(file, settings, volumes).Read(pod, container, isInit: true));
        foreach (var container in spec.Objects("containers")) pod.Containers.Add(new ContainerReader(file, settings, volumes).Read(pod, container, isInit: false));
        if (pod.Containers.Count == 0) throw spec.Wrong("containers", "there is none");
        if (pod.InitContainers.Concat(pod.Containers).GroupBy(container => container.Name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw spec.Wrong("containers", $"\"{twice.First().Request.Labels![ContainerReader.NameLabel]}\" is there twice");
        root.Close();
        return pod;
    }

    private static void Shared(PodPlan pod, KubeMetadata metadata, KubeNode spec)
    {
        spec.Ignore("affinity", "automountServiceAccountToken", "enableServiceLinks", "nodeName", "nodeSelector", "preemptionPolicy", "priority", "priorityClassName", "schedulerName", "serviceAccount", "serviceAccountName", "tolerations", "topologySpreadConstraints", "dnsPolicy");
        foreach (var (key, value) in metadata.Labels) pod.Options.AddRange(["--label", $"{key}={value}"]);
        pod.HostName = spec.Text("hostname") ?? "";
        if (spec.Bool("hostNetwork") == true)
        {
            pod.Options.AddRange(["--network", "host"]);
            pod.HostName = null;
        }
        (pod.IsHostPid, pod.IsHostIpc, pod.SharesPid) = (spec.Bool("hostPID") == true, spec.Bool("hostIPC") == true, spec.Bool("shareProcessNamespace") == true);
        foreach (var alias in spec.Objects("hostAliases"))
            foreach (var host in alias.Texts("hostnames") ?? []) pod.Options.AddRange(["--add-host", $"{host}:{alias.Required("ip")}"]);
        if (spec.Object("dnsConfig") is not { } dns) return;
        foreach (var server in dns.Texts("nameservers") ?? []) pod.Options.AddRange(["--dns", server]);
        foreach (var search in dns.Texts("searches") ?? []) pod.Options.AddRange(["--dns-search", search]);
        foreach (var option in dns.Objects("options")) pod.Options.AddRange(["--dns-option", option.Text("value") is { } value ? $"{option.Required("name")}:{value}" : option.Required("name")]);
    }

    private static void Security(PodPlan pod, PodSettings settings)
    {
        foreach (var sysctl in settings.Security?.Objects("sysctls") ?? []) pod.Options.AddRange(["--sysctl", $"{sysctl.Required("name")}={sysctl.Text("value")}"]);
        // Containers read these, where they say nothing of their own. Volumes of the pod may be written by everybody in it.
        settings.Security?.Ignore("runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups", "fsGroup", "fsGroupChangePolicy", "seccompProfile", "appArmorProfile");
    }
}

/// <summary>What a pod says for all of its containers.</summary>
internal sealed record PodSettings(string Pod, KubeMetadata Metadata, string Restart, long? GracePeriod, KubeNode? Security);
