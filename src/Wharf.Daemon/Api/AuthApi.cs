using Wharf.Daemon.Http;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary><c>POST /auth</c>: are these credentials good?</summary>
public static class AuthApi
{
    public static void Map(ApiRouter router) => router.Post("/auth", CheckAsync);

    private static async Task CheckAsync(ApiContext context)
    {
        var credentials = await context.ReadJsonAsync(DockerApiJson.Default.AuthConfig, required: true);
        await RegistryClient.LoginAsync(credentials.Serveraddress, credentials, context.Engine.Options, context.Cancellation);
        await context.WriteJsonAsync(200, new SystemAuthResponse { Status = "Login Succeeded", IdentityToken = "" }, DockerApiJson.Default.SystemAuthResponse);
    }
}
