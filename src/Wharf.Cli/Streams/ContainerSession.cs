using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Streams;

/// <summary>Attaches to a container and stays until it ends: shared by run, start and attach.</summary>
internal static class ContainerSession
{
    public static Query AttachQuery(bool stdin, bool stdout, bool stderr, string detachKeys)
        => new Query().Add("stream", "1").Add("stdin", stdin).Add("stdout", stdout).Add("stderr", stderr).Add("detachKeys", detachKeys);

    /// <summary>Asks for the exit code before the container starts; the answer comes when it has ended.</summary>
    public static async Task<Task<ContainerWaitResponse>> BeginWaitAsync(CliContext cli, string id, string condition, CancellationToken cancellationToken)
    {
        // The daemon answers the headers at once: after that it is watching, and even a container that ends immediately is seen.
        var response = await cli.Api.SendAsync(new ApiRequest("POST", $"/containers/{Uri.EscapeDataString(id)}/wait{new Query().Add("condition", condition)}"), cancellationToken);
        return FinishAsync();

        async Task<ContainerWaitResponse> FinishAsync()
        {
            await using (response) return DockerClient.Read(await response.ReadAllAsync(cancellationToken), DockerApiJson.Default.ContainerWaitResponse);
        }
    }

    /// <summary><c>start -a</c> and <c>start -i</c>.</summary>
    public static async Task<int> StartAttachedAsync(CliContext cli, string name, bool isInteractive, string detachKeys, string startQuery, CancellationToken cancellationToken)
    {
        var container = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(name)}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);
        var id = container.Id ?? name;
        var tty = container.Config?.Tty == true;
        var stdin = isInteractive && container.Config?.OpenStdin == true;
        await using var stream = await cli.Api.HijackAsync($"/containers/{id}/attach{AttachQuery(stdin, true, true, detachKeys)}", null, cancellationToken);
        var waiting = await BeginWaitAsync(cli, id, container.HostConfig?.AutoRemove == true ? "removed" : "next-exit", cancellationToken);
        using var signals = tty ? null : new SignalProxy(cli, id);
        var session = new StreamSession(cli, stream, new SessionOptions { Tty = tty, Stdin = stdin, Output = cli.OutputStream, Error = cli.ErrorStream, DetachKeys = detachKeys });
        var running = session.RunAsync(cancellationToken);
        await cli.Api.PostAsync($"/containers/{id}/start{startQuery}", cancellationToken);
        using var resize = tty && Terminal.IsTerminal(1) ? await ResizeWatch.StartAsync(cli, $"/containers/{id}") : null;
        return await running ? 0 : ExitCode(await waiting);
    }

    public static int ExitCode(ContainerWaitResponse result)
        => result.Error?.Message is { Length: > 0 } message ? throw new CliException(message, 125) : (int)(result.StatusCode ?? 0);

    /// <summary>A terminal in the container needs one here when keys are to be typed into it.</summary>
    public static void CheckTerminal(bool stdin, bool tty)
    {
        if (stdin && tty && !Terminal.IsTerminal(0)) throw new CliException("the input device is not a TTY");
    }
}
