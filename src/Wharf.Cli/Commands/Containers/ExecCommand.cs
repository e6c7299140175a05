using System.Text.Json;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf exec</c>.</summary>
internal sealed class ExecCommand : Command
{
    private readonly BoolFlag detach, interactive, privileged, tty;
    private readonly StringFlag detachKeys, user, workingDirectory;
    private readonly ListFlag environment, environmentFiles;

    public ExecCommand()
    {
        Flags.Interspersed = false;
        detach = Flags.Bool("detach", 'd', "Do not wait for the command to end");
        detachKeys = Flags.String("detach-keys", "Keys that detach from the container");
        environment = Flags.List("env", 'e', "Environment variable for the command");
        environmentFiles = Flags.List("env-file", "File of environment variables");
        interactive = Flags.Bool("interactive", 'i', "Keep stdin open");
        privileged = Flags.Bool("privileged", "Give the command every privilege");
        tty = Flags.Bool("tty", 't', "Give the command a terminal");
        user = Flags.String("user", 'u', "Name or number of the user (\"<name|uid>[:<group|gid>]\")");
        workingDirectory = Flags.String("workdir", 'w', "Directory in the container to run in");
    }

    public override string Usage => "[OPTIONS] CONTAINER COMMAND [ARG...]";
    public override int MinArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        List<string>? variables;
        try { variables = EnvironmentFile.Collect(environmentFiles.Values, environment.Values); }
        catch (CliException error) { throw new CliException(error.Message, 1, error); } // 125 is run's
        if (!detach) ContainerSession.CheckTerminal(interactive, tty);
        var size = tty && Terminal.Size(1) is { } window ? new List<long> { window.Rows, window.Columns } : null;
        var config = new ExecConfig
        {
            User = user.Value,
            Privileged = privileged,
            Tty = tty,
            Cmd = [.. arguments.Skip(1)],
            WorkingDir = workingDirectory.Value,
            Env = variables,
            ConsoleSize = size,
            AttachStdin = !detach && interactive,
            AttachStdout = !detach,
            AttachStderr = !detach,
            DetachKeys = detachKeys.Value != "" ? detachKeys.Value : cli.Config.Text("detachKeys"),
        };
        var created = await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/exec", config, DockerApiJson.Default.ExecConfig, DockerApiJson.Default.IdResponse, cancellationToken);
        if (created.Id is not { Length: > 0 } id) throw new CliException("exec ID empty");
        var start = new ExecStartConfig { Detach = detach, Tty = tty, ConsoleSize = size };
        if (detach)
        {
            await cli.Api.PostAsync($"/exec/{id}/start", start, DockerApiJson.Default.ExecStartConfig, cancellationToken);
            return 0;
        }
        return await RunAttachedAsync(cli, id, start, cancellationToken);
    }

    private async Task<int> RunAttachedAsync(CliContext cli, string id, ExecStartConfig start, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(start, DockerApiJson.Default.ExecStartConfig);
        await using var stream = await cli.Api.HijackAsync($"/exec/{id}/start", body, cancellationToken);
        using var resize = tty && Terminal.IsTerminal(1) ? await ResizeWatch.StartAsync(cli, $"/exec/{id}") : null;
        var session = new StreamSession(cli, stream, new SessionOptions { Tty = tty, Stdin = interactive, Output = cli.OutputStream, Error = cli.ErrorStream, DetachKeys = detachKeys.Value });
        if (await session.RunAsync(cancellationToken)) throw new CliException("read escape sequence");
        var ended = await cli.Api.GetAsync($"/exec/{id}/json", DockerApiJson.Default.ExecInspectResponse, cancellationToken);
        return (int)(ended.ExitCode ?? 0);
    }
}
