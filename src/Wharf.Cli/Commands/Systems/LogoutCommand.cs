using Wharf.Cli.CommandLine;
using Wharf.Cli.WebLogin;

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
        var credentials = new Credentials(cli.Config);
        if (key == Credentials.HubKey) await BrowserLogin.LogoutAsync(cli, credentials, static () => new DeviceAuthorization(LoginService.OfEnvironment()), cancellationToken);
        await cli.Out.WriteLineAsync($"Removing login credentials for {key}");
        await credentials.EraseAsync(key, cancellationToken);
        return 0;
    }
}
