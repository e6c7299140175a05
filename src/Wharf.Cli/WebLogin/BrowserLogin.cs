using System.Runtime.InteropServices;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.WebLogin;

/// <summary>Docker Hub's login in a browser, as docker's command line has it: the user confirms a code there, and we get a token in the password's place.</summary>
internal sealed class BrowserLogin(CliContext cli, Credentials credentials, DeviceAuthorization authorization)
{
    private const int Bold = 1, Underlined = 4;

    /// <summary>Null, and why, where the service gives no code: then name and password are left.</summary>
    public async Task<DeviceCode?> TryBeginAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await authorization.BeginAsync(cancellationToken);
        }
        catch (CliException e)
        {
            await cli.Error.WriteLineAsync($"Failed to start web-based login - falling back to command line login... ({e.Message})\n");
            return null;
        }
    }

    /// <summary>Shows the code, waits for the user, and keeps the tokens; what it returns is the login to a registry.</summary>
    public async Task<AuthConfig> FinishAsync(DeviceCode code, CancellationToken cancellationToken)
    {
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            interrupted.Cancel();
        });
        await ShowAsync(code);
        try
        {
            var tokens = await TokensAsync(code, interrupted.Token);
            var name = AccessToken.Username(tokens.AccessToken!);
            await KeepAsync(Credentials.HubAccessKey, name, tokens.AccessToken!, interrupted.Token);
            await KeepAsync(Credentials.HubRefreshKey, name, $"{tokens.RefreshToken}..{LoginService.ClientId}", interrupted.Token);
            return new AuthConfig { Username = name, Password = await authorization.PersonalTokenAsync(tokens.AccessToken!, interrupted.Token), Serveraddress = Credentials.HubKey };
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            throw new CliException("login canceled");
        }
    }

    private async Task<TokenAnswer> TokensAsync(DeviceCode code, CancellationToken cancellationToken)
    {
        try
        {
            return await authorization.TokensAsync(code, cancellationToken);
        }
        catch (CliException e)
        {
            throw new CliException($"failed waiting for authentication: {e.Message}", 1, e);
        }
    }

    private Task KeepAsync(string key, string name, string token, CancellationToken cancellationToken) =>
        credentials.StoreAsync(key, new AuthConfig { Username = name, Password = token }, cancellationToken);

    private async Task ShowAsync(DeviceCode code)
    {
        var place = new Uri(code.Place!);
        await cli.Error.WriteLineAsync($"""

            {Marked("USING WEB-BASED LOGIN", Bold)}

            To log in with a name and a password or access token, use '{CliContext.Program} login -u <username>'

            Your one-time device confirmation code is: {Marked(code.User!, Bold)}
            {Marked("Press ENTER", Bold)} to open your browser or submit your device code here: {Marked(place.GetLeftPart(UriPartial.Path), Underlined)}

            Waiting for authentication in the browser…
            """);
        _ = OpenOnEnterAsync(Uri.TryCreate(code.PlaceWithCode, UriKind.Absolute, out var complete) && LoginService.IsSafe(complete) ? complete : place);
    }

    private static string Marked(string text, int attribute) => Terminal.ShowsColors(2) ? $"\e[{attribute}m{text}\e[0m" : text;

    /// <summary>A key that never comes holds up nothing: it is read on a thread of its own, which ends with the process.</summary>
    private async Task OpenOnEnterAsync(Uri place)
    {
        if (await Prune.TryReadLineAsync(cli.InputStream) is null || Browser.Open(place)) return;
        await cli.Error.WriteLineAsync("No browser was found here: open the address on any machine.");
    }

    /// <summary>Forgets the tokens that a login in a browser left, and has the service forget the one that makes others. What does not go is a warning: the login itself is removed next.</summary>
    public static async Task LogoutAsync(CliContext cli, Credentials credentials, Func<DeviceAuthorization> authorization, CancellationToken cancellationToken)
    {
        try
        {
            // Another program's token has another form.
            if ((await credentials.GetAsync(Credentials.HubRefreshKey, cancellationToken))?.Password?.Split("..") is not [{ Length: > 0 } token, { Length: > 0 } client]) return;
            await credentials.EraseAsync(Credentials.HubAccessKey, cancellationToken);
            await credentials.EraseAsync(Credentials.HubRefreshKey, cancellationToken);
            using var service = authorization();
            await service.RevokeAsync(token, client, cancellationToken);
        }
        catch (CliException e)
        {
            await cli.Error.WriteLineAsync($"WARNING: the login service was not told to forget the login in a browser: {e.Message}");
        }
    }
}
