using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Api;

/// <summary>Logins by OpenID Connect for the page: <c>/login/oidc</c>, <c>/login/callback</c> and <c>/login/token</c>.</summary>
internal sealed class LoginApi(OidcLogin login)
{
    private const int MaxBody = 4 << 10;
    private const string Cookie = "wharf-login";

    public async Task HandleAsync(HttpContext http, string path)
    {
        if (login.Labels.Count == 0) throw new RegistryException(RegistryErrorCode.NotFound);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        var query = http.Request.Query;
        switch (http.Request.Method, path)
        {
            case ("GET", "/login/oidc"):
                var origin = $"{http.Request.Scheme}://{http.Request.Host}";
                var (where, state) = await login.BeginAsync(int.TryParse(query["issuer"].FirstOrDefault() ?? "0", out int issuer) ? issuer : -1, origin, http.RequestAborted);
                http.Response.Headers.SetCookie = $"{Cookie}={state}; Path=/login; HttpOnly; SameSite=Lax; Max-Age=600{(http.Request.IsHttps ? "; Secure" : "")}";
                Redirect(http, where.ToString());
                return;
            case ("GET", "/login/callback"):
                if (query["error"].FirstOrDefault() is { Length: > 0 } error) throw new RegistryException(RegistryErrorCode.Denied, $"the issuer refuses the login: {(error.Length > 100 ? error[..100] : error)}");
                var word = await login.EndAsync(query["state"].FirstOrDefault() ?? "", http.Request.Cookies[Cookie], query["code"].FirstOrDefault() ?? "", http.RequestAborted);
                http.Response.Headers.SetCookie = $"{Cookie}=; Path=/login; HttpOnly; SameSite=Lax; Max-Age=0";
                // Behind the # nothing goes over the line or into logs.
                Redirect(http, "/#/login/" + word);
                return;
            case ("POST", "/login/token"):
                http.LimitBody(MaxBody);
                using (var reader = new StreamReader(http.Request.Body))
                {
                    var token = login.Take(await reader.ReadToEndAsync(http.RequestAborted)) ?? throw new RegistryException(RegistryErrorCode.Denied, "this login is over: begin anew");
                    await http.AnswerAsync(new LoginToken { Token = token }, LoginJson.Default.LoginToken);
                }
                return;
            default:
                throw new RegistryException(RegistryErrorCode.NotFound);
        }
    }

    private static void Redirect(HttpContext http, string where)
    {
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = where;
        http.Response.ContentLength = 0;
    }
}

internal sealed record LoginToken
{
    [JsonPropertyName("token")] public required string Token { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(LoginToken))]
internal sealed partial class LoginJson : JsonSerializerContext;
