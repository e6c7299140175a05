using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf attach</c>.</summary>
internal sealed class AttachCommand : Command
{
    private readonly StringFlag detachKeys;
    private readonly BoolFlag noStdin, signalProxy;

    public AttachCommand()
    {
        detachKeys = Flags.String("detach-keys", "Keys that detach from the container");
        noStdin = Flags.Bool("no-stdin", "Leave stdin alone");
        signalProxy = Flags.Bool("sig-proxy", "Pass received signals on to the process", initial: true);
    }

    public override string Usage => "[OPTIONS] CONTAINER";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var container = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);
        if (container.State?.Running != true) throw new CliException("You cannot attach to a stopped container, start it first");
        if (container.State.Paused == true) throw new CliException("You cannot attach to a paused container, unpause it first");
        if (container.State.Restarting == true) throw new CliException("You cannot attach to a restarting container, wait until it is running");
        var id = container.Id ?? arguments[0];
        var tty = container.Config?.Tty == true;
        var stdin = !noStdin && container.Config?.OpenStdin == true;
        ContainerSession.CheckTerminal(stdin, tty);
        var waiting = await ContainerSession.BeginWaitAsync(cli, id, "", cancellationToken);
        await using var stream = await cli.Api.HijackAsync($"/containers/{id}/attach{ContainerSession.AttachQuery(stdin, true, true, detachKeys.Value)}", null, cancellationToken);
        using var signals = signalProxy && !tty ? new SignalProxy(cli, id) : null;
        using var resize = tty && Terminal.IsTerminal(1) ? await ResizeWatch.StartAsync(cli, $"/containers/{id}") : null;
        var session = new StreamSession(cli, stream, new SessionOptions { Tty = tty, Stdin = stdin, Output = cli.OutputStream, Error = cli.ErrorStream, DetachKeys = detachKeys.Value });
        if (await session.RunAsync(cancellationToken)) throw new CliException("read escape sequence");
        return ContainerSession.ExitCode(await waiting);
    }
}
