using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Generate;
using Wharf.Cli.Kube;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Kube;

/// <summary>The verbs of <c>kube</c>.</summary>
internal static class KubeVerbs
{
    public static IReadOnlyList<CommandEntry> All => [Verb("down", "Remove what a Kubernetes file describes", () => new KubeDownCommand()), Verb("generate", "Print containers as a Kubernetes pod", () => new GenerateKubeCommand()), Play.As("play", [])];

    public static CommandEntry Play => Verb("kube", "Run the pods of a Kubernetes file", () => new KubePlayCommand(), "kube play", "play kube");
}

/// <summary>A verb that reads a Kubernetes file.</summary>
internal abstract class KubeCommand : Command
{
    public override string Usage => "[OPTIONS] FILE|-";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    protected abstract Task RunAsync(KubePlayer player, CancellationToken cancellationToken);

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var input = InputFile.Open(cli, arguments[0] == "-" ? "" : arguments[0], "give the file by its name, or on standard input");
        using var reader = new StreamReader(input);
        await RunAsync(new KubePlayer(cli, KubeFile.Parse(await reader.ReadToEndAsync(cancellationToken))), cancellationToken);
        return 0;
    }
}

/// <summary><c>wharf kube play</c>.</summary>
internal sealed class KubePlayCommand : KubeCommand
{
    private readonly BoolFlag down, replace;
    private readonly ListFlag network;

    public KubePlayCommand()
    {
        down = Flags.Bool("down", "Remove what the file describes, but for claims");
        network = Flags.List("network", "Network to connect the pods to");
        replace = Flags.Bool("replace", "Remove pods of these names first");
    }

    public override string Details => """
        Runs Pods and Deployments (one replica), with ConfigMaps, Secrets and PersistentVolumeClaims of the same file.
        What of the file is not understood is told before anything is done.
        """;

    protected override Task RunAsync(KubePlayer player, CancellationToken cancellationToken)
    {
        if (down && replace) throw new CliException("conflicting options: --down and --replace", 125);
        return down ? player.DownAsync(tell: true, cancellationToken) : player.PlayAsync(replace, network.Values, cancellationToken);
    }
}

/// <summary><c>wharf kube down</c>.</summary>
internal sealed class KubeDownCommand : KubeCommand
{
    public override string Usage => "FILE|-";

    protected override Task RunAsync(KubePlayer player, CancellationToken cancellationToken) => player.DownAsync(tell: true, cancellationToken);
}
