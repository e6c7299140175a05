using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf run</c>: create, attach, start, and stay until the container ends.</summary>
internal sealed class RunCommand : Command
{
    private readonly ContainerCreation creation;
    private readonly BoolFlag detach, signalProxy;
    private readonly StringFlag detachKeys;

    public RunCommand()
    {
        creation = new ContainerCreation(Flags, startsPod: true);
        detach = Flags.Bool("detach", 'd', "Leave the container running and print its ID");
        detachKeys = Flags.String("detach-keys", "Keys that detach from the container");
        signalProxy = Flags.Bool("sig-proxy", "Pass received signals on to the process", initial: true);
    }

    public override string Usage => "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    public override int MinArguments => 1;

    /// <summary>Errors of run, and of create's command line, name the program and point to help.</summary>
    public static async Task<T> WithRunErrors<T>(string verb, Func<Task<T>> body)
    {
        try
        {
            return await body();
        }
        catch (UsageException)
        {
            throw;
        }
        catch (CliException e) when (e.Message != "" && e is not BareException)
        {
            var exitCode = e is ApiException api ? StartExitCode(api.DaemonMessage) : e.ExitCode is 126 or 127 ? e.ExitCode : 125;
            throw new CliException($"{CliContext.Program}: {e.Message}\n\nRun '{CliContext.Program} {verb} --help' for more information", exitCode, e);
        }
    }

    /// <summary>127 and 126 as a shell has them: the command was not found, or could not be executed.</summary>
    private static int StartExitCode(string message)
    {
        if (message.Contains("executable file not found", StringComparison.Ordinal) || message.Contains("no such file or directory", StringComparison.Ordinal) || message.Contains("system cannot find the file specified", StringComparison.Ordinal)) return 127;
        return message.Contains("permission denied", StringComparison.Ordinal) || message.Contains("is a directory", StringComparison.Ordinal) ? 126 : 125;
    }

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken) => WithRunErrors("run", async () =>
    {
        var request = creation.Build(cli, arguments);
        if (HasOwnStreams(request))
        {
            OwnStreams.Check(cli.Api.Host);
            (request.AttachStdout, request.AttachStderr) = (false, false);
        }
        if (detach)
        {
            if (creation.Container.ChoosesStreams) throw new BareException("conflicting options: cannot specify both --attach and --detach");
            (request.AttachStdin, request.AttachStdout, request.AttachStderr, request.StdinOnce) = (false, false, false, false);
            var created = await creation.CreateAsync(cli, request, cancellationToken);
            await StartAsync(cli, request, created.Id ?? "", cancellationToken);
            await cli.Out.WriteLineAsync(created.Id);
            return 0;
        }
        if (request.AttachStdin == true && creation.Container.Tty && !Terminal.IsTerminal(0)) throw new BareException("the input device is not a TTY");
        return await RunAttachedAsync(cli, request, cancellationToken);
    });

    private async Task<int> RunAttachedAsync(CliContext cli, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        var id = (await creation.CreateAsync(cli, request, cancellationToken)).Id ?? throw new CliException("the daemon gave no container ID");
        var tty = creation.Container.Tty;
        using var signals = signalProxy && !tty ? new SignalProxy(cli, id) : null;
        var attaches = (request.AttachStdin | request.AttachStdout | request.AttachStderr) == true;
        await using var stream = attaches
            ? await cli.Api.HijackAsync($"/containers/{id}/attach{ContainerSession.AttachQuery(request.AttachStdin == true, request.AttachStdout == true, request.AttachStderr == true, detachKeys.Value)}", null, cancellationToken)
            : null;
        var waiting = await ContainerSession.BeginWaitAsync(cli, id, creation.Container.AutoRemove ? "removed" : "next-exit", cancellationToken);
        var session = stream is null ? null : new StreamSession(cli, stream, new SessionOptions
        {
            Tty = tty,
            Stdin = request.AttachStdin == true,
            DetachKeys = detachKeys.Value,
            Output = request.AttachStdout == true ? cli.OutputStream : null,
            Error = request.AttachStderr == true ? cli.ErrorStream : null,
        });
        await StartAsync(cli, request, id, waiting, cancellationToken);
        var running = session?.RunAsync(cancellationToken) ?? Task.FromResult(false);
        using var resize = tty && Terminal.IsTerminal(1) ? await ResizeWatch.StartAsync(cli, $"/containers/{id}") : null;
        return await running ? 0 : ContainerSession.ExitCode(await waiting);
    }

    /// <summary>A container that could not start and is to be removed is gone before the error shows.</summary>
    private async Task StartAsync(CliContext cli, ContainerCreateRequest request, string id, Task<ContainerWaitResponse> waiting, CancellationToken cancellationToken)
    {
        try
        {
            await StartAsync(cli, request, id, cancellationToken);
        }
        catch (ApiException)
        {
            if (creation.Container.AutoRemove) await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromSeconds(10), cancellationToken));
            throw;
        }
    }

    private static bool HasOwnStreams(ContainerCreateRequest request) => request.HostConfig?.LogConfig?.Type == OwnStreams.Driver;

    private static async Task StartAsync(CliContext cli, ContainerCreateRequest request, string id, CancellationToken cancellationToken)
    {
        if (HasOwnStreams(request)) await OwnStreams.HandOverAsync(cli, id, cancellationToken);
        await cli.Api.PostAsync($"/containers/{id}/start", cancellationToken);
    }

    /// <summary>Shown as it is, without the program's name, as docker has it.</summary>
    private sealed class BareException(string message) : CliException(message);
}
