using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Wharf.Cli.WebLogin;

namespace Wharf.Tests.Cli.WebLogin;

/// <summary>An authorization server on this machine that answers each request with the next of its answers, and keeps what it was asked.</summary>
internal sealed class LoginServer : IAsyncDisposable
{
    public const string Code = """{"device_code":"d1","user_code":"ABCD-EFGH","verification_uri":"https://login.example/activate?x=1","verification_uri_complete":"https://login.example/activate?user_code=ABCD-EFGH","expires_in":900,"interval":5}""";
    private readonly WebApplication _app;

    private LoginServer(WebApplication app) => _app = app;

    public Queue<(int Status, string Body)> Answers { get; } = [];
    public List<(string Path, string Body, string? Authorization)> Asked { get; } = [];
    public string? Elsewhere { get; set; }
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    public LoginService Service => new(Address, Address);

    public static async Task<LoginServer> StartAsync(params (int Status, string Body)[] answers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = new LoginServer(builder.Build());
        foreach (var answer in answers) server.Answers.Enqueue(answer);
        server._app.Run(server.AnswerAsync);
        await server._app.StartAsync();
        return server;
    }

    private async Task AnswerAsync(HttpContext http)
    {
        Asked.Add((http.Request.Path, await new StreamReader(http.Request.Body).ReadToEndAsync(), http.Request.Headers.Authorization));
        var (status, body) = Answers.Dequeue();
        http.Response.StatusCode = status;
        if (Elsewhere is { } place) http.Response.Headers.Location = place;
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), http.RequestAborted);
    }

    /// <summary>An access token of a user, as Docker Hub makes it.</summary>
    public static string AccessToken(string claims) => $"e30.{System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.c2ln";

    public static string Tokens(string user) => $$"""{"access_token":"{{AccessToken($$$"""{"https://hub.docker.com":{"username":"{{{user}}}"}}""")}}","refresh_token":"r1","token_type":"Bearer"}""";

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
