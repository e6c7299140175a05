using Wharf.Cli.CommandLine;

namespace Wharf.Cli.WebLogin;

/// <summary>Where Docker Hub's users sign in: the authorization server, and Hub itself, for which its tokens are.</summary>
internal sealed record LoginService(Uri Tenant, Uri Hub)
{
    /// <summary>The public client that Docker Hub's server knows command lines by; not a secret. Docker's keeps it with the refresh token, so that either one logs out what the other logged in.</summary>
    public const string ClientId = "L4v0dmlNBpYUjGGab0C2JtgTgXr1Qz4d";

    /// <summary>Docker's, unless <c>WHARF_LOGIN_TENANT</c> and <c>WHARF_LOGIN_AUDIENCE</c> name others.</summary>
    public static LoginService OfEnvironment() => new(Address("WHARF_LOGIN_TENANT", "https://login.docker.com"), Address("WHARF_LOGIN_AUDIENCE", "https://hub.docker.com"));

    /// <summary>Docker's switch: with it a login asks for name and password.</summary>
    public static bool IsOff => Specs.GoSyntax.Bool(Environment.GetEnvironmentVariable("DOCKER_CLI_DISABLE_OAUTH_LOGIN")) == true;

    private static Uri Address(string variable, string usual) => Parse(Environment.GetEnvironmentVariable(variable) is { Length: > 0 } set ? set : usual)
        ?? throw new CliException($"invalid {variable}: it must be an https address (http on this machine alone) without user and query");

    /// <summary>An address that secrets may go to; null for any other.</summary>
    public static Uri? Parse(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && IsSafe(address) && address is { UserInfo: "", Query: "", Fragment: "" } ? address : null;

    /// <summary>By TLS, or on this machine.</summary>
    public static bool IsSafe(Uri address) => address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback);
}
