using System.Security.Cryptography;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Pods;

/// <summary><c>wharf pod create</c>: makes the container whose namespaces the others will share.</summary>
internal sealed class PodCreateCommand : Command
{
    private readonly StringFlag name;
    private readonly BoolFlag sharePid;
    private readonly List<(string Flag, ListFlag Values)> passedOn = [];
    private readonly StringFlag hostName;

    public PodCreateCommand()
    {
        name = Flags.String("name", "Name of the pod");
        hostName = Flags.String("hostname", 'h', "Host name of the pod");
        sharePid = Flags.Bool("share-pid", "Containers of the pod also see each other's processes");
        Pass("add-host", '\0', "Extra line for /etc/hosts (host:ip)");
        Pass("dns", '\0', "DNS servers");
        Pass("dns-option", '\0', "DNS options");
        Pass("dns-search", '\0', "DNS search domains");
        Pass("label", 'l', "Label on the pod");
        Pass("network", '\0', "Network to connect it to");
        Pass("network-alias", '\0', "Another name for it on the network");
        Pass("publish", 'p', "Publish a port of the pod on the host");
        Pass("sysctl", '\0', "Kernel parameters of its namespaces");
    }

    public override string Usage => "[OPTIONS] [NAME]";
    public override string Details => """
        Containers join with run --pod NAME. They share network, IPC namespace and host name. What publishes
        ports and joins networks is the pod.
        """;
    public override int MaxArguments => 1;

    private void Pass(string flag, char shorthand, string help) => passedOn.Add(("--" + flag, Flags.List(flag, shorthand, help)));

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (name.Value != "" && arguments is [var word] && word != name.Value) throw new CliException($"conflicting names of the pod: --name {name.Value} and {word}");
        var pod = name.Value != "" ? name.Value : arguments is [{ Length: > 0 } given] ? given : "pod-" + RandomNumberGenerator.GetHexString(8, lowercase: true);
        if ((await Pod.ListAsync(cli, cancellationToken)).Exists(other => other.Name == pod)) throw new CliException($"pod {pod} already exists");
        List<string> words = [.. passedOn.SelectMany(option => option.Values.Values.SelectMany(value => (string[])[option.Flag, value]))];
        await PodCreation.CreateAsync(cli, pod, hostName.Value == "" && IsHostNetwork(passedOn) ? null : hostName.Value, sharePid, words, cancellationToken);
        await cli.Out.WriteLineAsync(pod);
        return 0;
    }

    private static bool IsHostNetwork(List<(string Flag, ListFlag Values)> options) => options.Exists(option => option.Flag == "--network" && option.Values.Values.Contains("host"));
}
