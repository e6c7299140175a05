using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.WebLogin;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf login</c>.</summary>
internal sealed class LoginCommand : Command
{
    private readonly StringFlag password, username;
    private readonly BoolFlag passwordStdin;

    public LoginCommand()
    {
        password = Flags.String("password", 'p', "Password or access token");
        passwordStdin = Flags.Bool("password-stdin", "Read the password or token from stdin");
        username = Flags.String("username", 'u', "Name of the user");
    }

    public override string Usage => "[OPTIONS] [SERVER]";
    public override string Details => "Without a server it is Docker Hub.";
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var key = Credentials.Key(arguments.Count == 0 ? "docker.io" : arguments[0]);
        var credentials = new Credentials(cli.Config);
        if (username.Value == "" && !password.Changed && !passwordStdin && await credentials.GetAsync(key, cancellationToken) is { Username.Length: > 0, Password.Length: > 0 } stored)
        {
            await cli.Error.WriteLineAsync($"Authenticating with existing credentials... [Username: {stored.Username}]");
            try
            {
                var known = await cli.Api.PostAsync("/auth", stored, DockerApiJson.Default.AuthConfig, DockerApiJson.Default.SystemAuthResponse, cancellationToken);
                await cli.Out.WriteLineAsync(known.Status ?? "Login Succeeded");
                return 0;
            }
            catch (ApiException e)
            {
                await cli.Error.WriteLineAsync(e.Status == 401 ? "Stored credentials invalid or expired" : $"Login did not succeed, error: {e.Message}");
            }
        }
        var auth = await InBrowserAsync(cli, key, credentials, cancellationToken);
        if (auth is null)
        {
            var (name, secret) = await AskAsync(cli);
            auth = new AuthConfig { Username = name, Password = secret, Serveraddress = key };
        }
        var answer = await cli.Api.PostAsync("/auth", auth, DockerApiJson.Default.AuthConfig, DockerApiJson.Default.SystemAuthResponse, cancellationToken);
        if (answer.IdentityToken is { Length: > 0 } token) auth.IdentityToken = token;
        await credentials.StoreAsync(key, auth, cancellationToken);
        if (!credentials.IsInHelper(key))
        {
            var path = Path.Combine(cli.Config.Directory, "config.json");
            await cli.Error.WriteLineAsync($"\nWARNING! Your credentials are stored unencrypted in '{path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n");
        }
        await cli.Out.WriteLineAsync(answer.Status ?? "Login Succeeded");
        return 0;
    }

    /// <summary>Docker Hub's login by a code, for someone on a terminal who gave neither name nor password; null where that is not the case or does not work.</summary>
    private async Task<AuthConfig?> InBrowserAsync(CliContext cli, string key, Credentials credentials, CancellationToken cancellationToken)
    {
        if (key != Credentials.HubKey || username.Value != "" || password.Changed || passwordStdin || LoginService.IsOff || !Terminal.IsTerminal(0)) return null;
        using var authorization = new DeviceAuthorization(LoginService.OfEnvironment());
        var login = new BrowserLogin(cli, credentials, authorization);
        return await login.TryBeginAsync(cancellationToken) is { } code ? await login.FinishAsync(code, cancellationToken) : null;
    }

    private async Task<(string Name, string Secret)> AskAsync(CliContext cli)
    {
        if (password.Changed && passwordStdin) throw new CliException("conflicting options: cannot specify both --password and --password-stdin");
        if (passwordStdin && username.Value == "") throw new CliException("the --password-stdin option requires --username to be set");
        if (password.Changed) await cli.Error.WriteLineAsync("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        if (passwordStdin)
        {
            using var reader = new StreamReader(cli.InputStream, leaveOpen: true);
            return (username.Value, (await reader.ReadToEndAsync()).TrimEnd('\n').TrimEnd('\r'));
        }
        if (username.Value != "" && password.Value != "") return (username.Value, password.Value);
        if (!Terminal.IsTerminal(0)) throw new CliException("Error: Cannot perform an interactive login from a non TTY device");
        var name = username.Value;
        if (name == "")
        {
            await cli.Out.WriteAsync("Username: ");
            name = (await Prune.ReadLineAsync(cli.InputStream)).Trim();
            if (name == "") throw new CliException("Error: Non-null Username Required");
        }
        await cli.Out.WriteAsync("Password: ");
        string secret;
        using (Terminal.HideTyping(0)) secret = await Prune.ReadLineAsync(cli.InputStream);
        await cli.Out.WriteLineAsync();
        return secret == "" ? throw new CliException("Error: Password Required") : (name, secret);
    }
}
