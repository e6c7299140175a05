using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>
/// dockerd's settings that ask for what is so anyhow, or for something that does not exist here. Scripts that start a dockerd give them, so they are
/// taken; what they would have changed is told in the log. What must not be passed over in silence is refused.
/// </summary>
internal static class DockerdOptions
{
    public static readonly string[] Flags =
    [
        "--cdi-spec-dir", "--containerd", "--containerd-namespace", "--containerd-plugins-namespace", "--cpu-rt-period", "--cpu-rt-runtime",
        "--feature", "--network-control-plane-mtu", "--node-generic-resource", "--storage-opt", "--swarm-default-advertise-addr", "--userland-proxy-path", "--userns-remap",
    ];

    public static readonly string[] Switches =
    [
        "--cri-containerd", "--experimental", "--ip-forward-no-drop", "--ip6tables", "--live-restore", "--raw-logs", "--selinux-enabled", "--userland-proxy",
    ];

    /// <summary>All that changes nothing, each with why.</summary>
    public static List<string> WithoutEffect(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        string? Text(string name, string? inFile) => flags.GetValueOrDefault("--" + name)?[^1] ?? inFile;
        bool? Is(string name, bool? inFile) => flags.GetValueOrDefault("--" + name) is [.., var last] ? last == "true" : inFile;
        Refuse("userns-remap", Text("userns-remap", file.UsernsRemap), "containers with user namespaces are not supported");
        if (Is("selinux-enabled", file.SelinuxEnabled) == true) Refuse("selinux-enabled", "true", "SELinux is not supported");
        foreach (var name in (ReadOnlySpan<string>)["cpu-rt-period", "cpu-rt-runtime"])
            if (Text(name, null) is { } value && value != "0") Refuse(name, value, "containers share no real-time budget");
        var notes = new List<string>();
        void Note(bool given, string name, string why) { if (given) notes.Add($"{name} has no effect: {why}"); }
        Note(Is("live-restore", file.LiveRestore) == false, "live-restore", "containers always outlive the daemon");
        Note(Is("userland-proxy", file.UserlandProxy) == true, "userland-proxy", "there is no proxy process");
        Note(Is("experimental", file.Experimental) == true, "experimental", "there are no experimental features");
        Note(Is("ip6tables", file.Ip6tables) == false, "ip6tables=false", "iptables=false turns both families' rules off");
        Note(Is("ip-forward-no-drop", file.IpForwardNoDrop) == true, "ip-forward-no-drop", "the policy of the host's FORWARD chain is never changed");
        Note(Text("containerd", file.Containerd) is { Length: > 0 }, "containerd", "there is no containerd");
        Note(Text("userland-proxy-path", file.UserlandProxyPath) is { Length: > 0 }, "userland-proxy-path", "there is no proxy process");
        Note((flags.GetValueOrDefault("--storage-opt") ?? file.StorageOptions) is { Count: > 0 }, "storage-opts", "overlayfs has no options here");
        Note(Text("swarm-default-advertise-addr", file.SwarmAdvertise) is { Length: > 0 } || file.NetworkControlPlaneMtu is > 0 || file.NodeGenericResources is { Count: > 0 }, "a setting of swarm mode", "there is no swarm mode");
        foreach (var feature in (flags.GetValueOrDefault("--feature") ?? []).Where(static feature => feature.Split('=')[0] != CdiFeature)) notes.Add($"features.{feature} has no effect");
        foreach (var (name, on) in (file.Features ?? []).Where(static feature => feature.Key != CdiFeature)) notes.Add($"features.{name}={(on ? "true" : "false")} has no effect");
        return notes;
    }

    private const string CdiFeature = "cdi";

    /// <summary>Where device files lie: none with the feature <c>cdi</c> turned off.</summary>
    public static IReadOnlyList<string>? CdiDirectories(Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        bool off = file.Features?.GetValueOrDefault(CdiFeature, true) == false || flags.GetValueOrDefault("--feature")?.Contains(CdiFeature + "=false") == true;
        return off ? [] : flags.GetValueOrDefault("--cdi-spec-dir") ?? file.CdiSpecDirectories;
    }

    private static void Refuse(string option, string? value, string why)
    {
        if (!string.IsNullOrEmpty(value)) throw WharfException.Invalid($"invalid value \"{value}\" for option \"{option}\": {why}");
    }
}
