using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf logout</c>.</summary>
internal sealed class LogoutCommand : Command
{
    public override string Usage => "[SERVER]";
    public override string Details => "Without a server it is Docker Hub.";
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var key = Credentials.Key(arguments.Count == 0 ? "docker.io" : arguments[0]);
        await cli.Out.WriteLineAsync($"Removing login credentials for {key}");
        await new Credentials(cli.Config).EraseAsync(key, cancellationToken);
        return 0;
    }
}
