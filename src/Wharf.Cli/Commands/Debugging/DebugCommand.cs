using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Output;
using Wharf.Cli.Recipes;

namespace Wharf.Cli.Commands.Debugging;

/// <summary><c>wharf debug</c>: tools from an image of their own, in a container that has none.</summary>
internal sealed class DebugCommand : Command
{
    /// <summary>Marks what belongs to a debug session; the engine also lets such a container into an IPC namespace that is not shareable.</summary>
    public const string Mark = "wharf.debug";

    private readonly StringFlag image, pull, user;
    private readonly ListFlag environment;
    private readonly BoolFlag privileged;

    public DebugCommand()
    {
        Flags.Interspersed = false;
        environment = Flags.List("env", 'e', "Environment variable for the tools");
        image = Flags.String("image", "Image with the tools", "busybox");
        privileged = Flags.Bool("privileged", "Give the tools every privilege");
        pull = PullPolicy.Add(Flags);
        user = Flags.String("user", 'u', "Name or number of the user the tools run as", "0");
    }

    public override string Usage => "[OPTIONS] CONTAINER [COMMAND] [ARG...]";
    public override string Details => """
        Runs a shell, or the command, from an image with tools in the process, network and IPC namespaces of
        the container. Its files are at /proc/1/root. Of a container that does not run, a copy of its files is
        there instead, with its volumes read-only.
        """;
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var container = await RecipeReader.InspectAsync(cli, arguments[0], cancellationToken);
        if (container.State is { Running: true, Restarting: not true }) return await RunToolsAsync(cli, container.Id!, ContainerNaming.Of(container), arguments, cancellationToken);
        await using var copy = await StoppedCopy.MakeAsync(cli, container, cancellationToken);
        return await RunToolsAsync(cli, copy.Id, ContainerNaming.Of(container), arguments, cancellationToken);
    }

    private async Task<int> RunToolsAsync(CliContext cli, string target, string name, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var isTerminal = Terminal.IsTerminal(0) && Terminal.IsTerminal(1);
        if (isTerminal) await cli.Error.WriteLineAsync($"The files of {name} are at /proc/1/root.");
        var run = new RunCommand();
        var words = run.Flags.Parse(
        [
            "--rm", "--interactive", $"--tty={(isTerminal ? "true" : "false")}", "--pull", pull.Value, "--user", user.Value, $"--privileged={(privileged ? "true" : "false")}",
            "--pid", $"container:{target}", "--network", $"container:{target}", "--ipc", $"container:{target}", "--no-healthcheck",
            // The links below /proc/PID of other users' processes want it (ptrace(2), PTRACE_MODE_READ).
            "--cap-add", "SYS_PTRACE", "--label", $"{Mark}={name}", "--annotation", $"{Mark}={name}",
            .. environment.Values.SelectMany(variable => (string[])["--env", variable]),
            image.Value, .. arguments.Skip(1),
        ]);
        return await run.RunAsync(cli, words, cancellationToken);
    }
}
