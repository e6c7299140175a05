using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.Cli;
using Wharf.Cli.WebLogin;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.WebLogin;

/// <summary>The tokens that a login in a browser leaves: for the login service alone, and gone with the logout.</summary>
public sealed class BrowserLogoutTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-config").FullName;
    private readonly MemoryStream _error = new();
    private readonly GlobalOptions _options = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private async Task<Credentials> WithTokensAsync(string refresh)
    {
        var credentials = new Credentials(new ConfigFile(_directory));
        await credentials.StoreAsync(Credentials.HubAccessKey, new AuthConfig { Username = "alice", Password = "a.b.c" }, CancellationToken.None);
        await credentials.StoreAsync(Credentials.HubRefreshKey, new AuthConfig { Username = "alice", Password = refresh }, CancellationToken.None);
        return credentials;
    }

    private async Task<string> LogoutAsync(Credentials credentials, LoginServer server)
    {
        await using var cli = new CliContext(_options, Stream.Null, Stream.Null, _error);
        await BrowserLogin.LogoutAsync(cli, credentials, () => new DeviceAuthorization(server.Service), CancellationToken.None);
        return Encoding.UTF8.GetString(_error.ToArray());
    }

    [Fact]
    public async Task A_logout_forgets_the_tokens_and_has_the_service_forget_them()
    {
        await using var server = await LoginServer.StartAsync((200, ""));
        var credentials = await WithTokensAsync("r1..other-client");
        (await LogoutAsync(credentials, server)).ShouldBe("");
        server.Asked.ShouldHaveSingleItem().ShouldBe(("/oauth/revoke", "client_id=other-client&token=r1", null));
        (await credentials.GetAsync(Credentials.HubRefreshKey, CancellationToken.None)).ShouldBeNull();
        (await credentials.GetAsync(Credentials.HubAccessKey, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task A_service_that_does_not_forget_them_is_a_warning()
    {
        await using var server = await LoginServer.StartAsync((503, ""));
        var credentials = await WithTokensAsync("r1..c");
        (await LogoutAsync(credentials, server)).ShouldBe("WARNING: the login service was not told to forget the login in a browser: the login service answers 503\n");
        (await credentials.GetAsync(Credentials.HubRefreshKey, CancellationToken.None)).ShouldBeNull();
    }

    [Theory]
    [InlineData("r1")]
    [InlineData("..c")]
    [InlineData("a..b..c")]
    public async Task What_another_program_keeps_there_is_left_alone(string kept)
    {
        await using var server = await LoginServer.StartAsync();
        var credentials = await WithTokensAsync(kept);
        (await LogoutAsync(credentials, server)).ShouldBe("");
        server.Asked.ShouldBeEmpty();
        (await credentials.GetAsync(Credentials.HubRefreshKey, CancellationToken.None))!.Password.ShouldBe(kept);
    }

    [Fact]
    public async Task Tokens_are_no_passwords_of_a_registry_and_go_to_no_daemon()
    {
        var credentials = await WithTokensAsync("r1..c");
        (await credentials.GetAsync(Credentials.HubKey, CancellationToken.None)).ShouldBeNull();
        await credentials.EraseAsync(Credentials.HubKey, CancellationToken.None);
        (await credentials.GetAsync(Credentials.HubRefreshKey, CancellationToken.None)).ShouldNotBeNull();
        await credentials.StoreAsync(Credentials.HubKey, new AuthConfig { Username = "alice", Password = "pat" }, CancellationToken.None);
        var all = JsonNode.Parse(Convert.FromBase64String((await credentials.AllAsync(CancellationToken.None)).Replace('-', '+').Replace('_', '/')))!.AsObject();
        all.Select(pair => pair.Key).ShouldBe([Credentials.HubKey]);
    }
}
