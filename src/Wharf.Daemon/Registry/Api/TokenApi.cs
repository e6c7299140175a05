using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Api;

/// <summary>The built-in token service: GET with Basic credentials, POST as OAuth2's password grant (distribution's token specification).</summary>
internal sealed class TokenApi(Authenticator authenticator)
{
    private const int MaxForm = 64 << 10;

    public async Task HandleAsync(HttpContext http)
    {
        if (authenticator.Tokens is not { IsBuiltIn: true } tokens) throw new RegistryException(RegistryErrorCode.NotFound);
        Identity identity;
        IEnumerable<string> scopes;
        if (HttpMethods.IsGet(http.Request.Method))
        {
            if (http.Request.Headers.Authorization.ToString().StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) throw new RegistryException(RegistryErrorCode.Unauthorized, "tokens are given for a name and password");
            identity = await ByHeaderAsync(http);
            scopes = http.Request.Query["scope"].Select(scope => scope ?? "");
        }
        else if (HttpMethods.IsPost(http.Request.Method))
        {
            http.LimitBody(MaxForm);
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            if (form["grant_type"] != "password") throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, "only the password grant is supported");
            identity = await authenticator.LoginAsync(http, form["username"].ToString(), form["password"].ToString());
            scopes = form["scope"].Select(scope => scope ?? "");
        }
        else throw new RegistryException(RegistryErrorCode.Unsupported).With("Allow", "GET, POST");
        await http.AnswerAsync(tokens.Issue(identity, TokenService.ParseScopes(scopes)), TokenJson.Default.TokenAnswer);
    }

    private async Task<Identity> ByHeaderAsync(HttpContext http)
    {
        try { return await authenticator.AuthenticateAsync(http, null); }
        catch (RegistryException error) when (error.Code == RegistryErrorCode.Unauthorized)
        {
            // Here the challenge must be one that a password answers.
            throw new RegistryException(RegistryErrorCode.Unauthorized, error.Message).With("WWW-Authenticate", "Basic realm=\"token\"");
        }
    }
}
