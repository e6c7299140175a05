using System.Text;
using Shouldly;
using Wharf.Cli;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli;

/// <summary>Credentials are kept as docker keeps them, and safely.</summary>
public sealed class CredentialsTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("wharf-config").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task What_login_stores_a_pull_finds_again()
    {
        await new Credentials(new ConfigFile(directory)).StoreAsync("registry.example:5000", new AuthConfig { Username = "me", Password = "a:b" }, CancellationToken.None);
        var found = await new Credentials(new ConfigFile(directory)).GetAsync("registry.example:5000", CancellationToken.None);
        (found!.Username, found.Password).ShouldBe(("me", "a:b"));
        File.GetUnixFileMode(Path.Combine(directory, "config.json")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task Other_settings_survive_a_login()
    {
        File.WriteAllText(Path.Combine(directory, "config.json"), """{"psFormat":"table {{.ID}}","x":{"y":1}}""");
        await new Credentials(new ConfigFile(directory)).StoreAsync("r", new AuthConfig { Username = "u", Password = "p" }, CancellationToken.None);
        var config = new ConfigFile(directory);
        config.Text("psFormat").ShouldBe("table {{.ID}}");
        config.Content["x"]!["y"]!.GetValue<int>().ShouldBe(1);
    }

    [Fact]
    public async Task An_old_entry_with_an_address_is_found_by_its_host()
    {
        File.WriteAllText(Path.Combine(directory, "config.json"), """{"auths":{"https://r.example/v1/":{"auth":"dTpw"}}}""");
        (await new Credentials(new ConfigFile(directory)).GetAsync("r.example", CancellationToken.None))!.Username.ShouldBe("u");
    }

    [Fact]
    public async Task Logout_forgets()
    {
        var credentials = new Credentials(new ConfigFile(directory));
        await credentials.StoreAsync("r", new AuthConfig { Username = "u", Password = "p" }, CancellationToken.None);
        await credentials.EraseAsync("r", CancellationToken.None);
        (await new Credentials(new ConfigFile(directory)).GetAsync("r", CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Without_credentials_the_header_is_an_empty_object()
        => Encoding.UTF8.GetString(Convert.FromBase64String(await new Credentials(new ConfigFile(directory)).HeaderAsync("r", CancellationToken.None))).ShouldBe("{}");

    [Fact]
    public void Docker_hub_has_a_key_of_its_own() => Credentials.Key("docker.io").ShouldBe("https://index.docker.io/v1/");
}
