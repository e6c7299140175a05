using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Real clients push, pull and delete, over TLS with a password and with tokens.</summary>
public sealed class RegistryClientTests(EngineFixture engine)
{
    /// <summary>Clients Debian 12 does not have lie here on machines that were prepared for it.</summary>
    private static readonly string[] Places = ["/usr/bin", "/usr/local/bin", Environment.GetEnvironmentVariable("WHARF_PEER_BIN") ?? "/var/tmp/wharf-peers/bin"];

    private static string Client(string name)
    {
        var path = Places.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists);
        if (path is null) Assert.Skip($"no {name} on this machine (Debian 12 has no package of it)");
        return path!;
    }

    private static async Task<RegistryProcess> SecureAsync(TestCertificates authority, bool tokens)
    {
        var registry = new RegistryProcess();
        using var _ = authority.Write(registry.Root, "server", "registry");
        authority.WriteAuthority(Path.Combine(registry.Root, "ca.crt"));
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "htpasswd"), (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", "alice"], Encoding.UTF8.GetBytes("secret\n"))).ShouldExit(0).Out);
        await registry.StartAsync($$"""{ "tls": { "certificate": "ROOT/server.crt", "key": "ROOT/server.key" }, "auth": { "htpasswd": "ROOT/htpasswd" {{(tokens ? ", \"token\": {}" : "")}} } }""");
        return registry;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Skopeo_pushes_inspects_pulls_and_deletes(bool tokens)
    {
        var skopeo = Client("skopeo");
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, tokens);
        var certificates = Directory.CreateDirectory(Path.Combine(registry.Root, "certs")).FullName;
        File.Copy(Path.Combine(registry.Root, "ca.crt"), Path.Combine(certificates, "ca.crt"));
        var archive = Path.Combine(registry.Root, "image.tar");
        (await engine.DockerAsync("save", "-o", archive, "busybox:latest")).ShouldExit(0);
        var name = $"docker://{registry.Authority}/sk/app:v1";
        Task<CommandResult> Run(params string[] args) => CommandResult.RunAsync(skopeo, ["--insecure-policy", .. args], seconds: 120);
        (await Run("copy", "--dest-cert-dir", certificates, $"docker-archive:{archive}", name)).ExitCode.ShouldNotBe(0, "nobody may push without a login");
        (await Run("copy", "--dest-cert-dir", certificates, "--dest-creds", "alice:secret", $"docker-archive:{archive}", name)).ShouldExit(0);
        (await Run("inspect", "--cert-dir", certificates, "--creds", "alice:secret", name)).ShouldExit(0).Out.ShouldContain("\"v1\"");
        (await Run("copy", "--src-cert-dir", certificates, "--src-creds", "alice:secret", name, $"oci:{registry.Root}/oci:v1")).ShouldExit(0);
        (await Run("copy", "--dest-cert-dir", certificates, "--dest-creds", "alice:secret", $"oci:{registry.Root}/oci:v1", $"docker://{registry.Authority}/sk/oci:v1")).ShouldExit(0);
        (await Run("delete", "--cert-dir", certificates, "--creds", "alice:secret", name)).ShouldExit(0);
        (await Run("inspect", "--cert-dir", certificates, "--creds", "alice:secret", name)).ExitCode.ShouldNotBe(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Crane_and_oras_push_attach_and_pull(bool tokens)
    {
        var (crane, oras) = (Client("crane"), Client("oras"));
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, tokens);
        var environment = new Dictionary<string, string> { ["SSL_CERT_FILE"] = Path.Combine(registry.Root, "ca.crt"), ["DOCKER_CONFIG"] = registry.Root, ["HOME"] = registry.Root };
        Task<CommandResult> Run(string program, params string[] args) => CommandResult.RunAsync(program, args, seconds: 120, environment: environment);
        (await Run(crane, "auth", "login", registry.Authority, "-u", "alice", "-p", "secret")).ShouldExit(0);
        var archive = Path.Combine(registry.Root, "image.tar");
        (await engine.DockerAsync("save", "-o", archive, "busybox:latest")).ShouldExit(0);
        (await Run(crane, "push", archive, $"{registry.Authority}/cr/app:v1")).ShouldExit(0);
        (await Run(crane, "validate", "--remote", $"{registry.Authority}/cr/app:v1")).ShouldExit(0);
        (await Run(crane, "copy", $"{registry.Authority}/cr/app:v1", $"{registry.Authority}/cr/other:v2")).ShouldExit(0);
        (await Run(crane, "ls", $"{registry.Authority}/cr/other")).ShouldExit(0).Text.ShouldBe("v2");
        (await Run(crane, "catalog", registry.Authority)).ShouldExit(0).Text.ShouldBe("cr/app\ncr/other");
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "note.txt"), "hello");
        var login = (string[])["--username", "alice", "--password", "secret", "--ca-file", Path.Combine(registry.Root, "ca.crt")];
        (await Run(oras, ["attach", .. login, "--disable-path-validation", "--artifact-type", "application/note", $"{registry.Authority}/cr/app:v1", Path.Combine(registry.Root, "note.txt") + ":text/plain"])).ShouldExit(0);
        (await Run(oras, ["discover", .. login, $"{registry.Authority}/cr/app:v1"])).ShouldExit(0).Out.ShouldContain("application/note");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Docker_and_wharf_log_in_push_and_pull_through_the_engine(bool tokens)
    {
        // The engine trusts plain HTTP on this machine, so that the clients' own TLS settings need no change of the machine.
        var registry = new RegistryProcess();
        await using var _ = registry;
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "htpasswd"), (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", "alice"], Encoding.UTF8.GetBytes("secret\n"))).ShouldExit(0).Out);
        await registry.StartAsync($$"""{ "auth": { "htpasswd": "ROOT/htpasswd" {{(tokens ? ", \"token\": {}" : "")}} } }""");
        var name = $"{registry.Authority}/dk/app:v1";
        (await engine.DockerAsync("tag", "busybox:latest", name)).ShouldExit(0);
        (await engine.DockerAsync("push", name)).ExitCode.ShouldNotBe(0);
        (await engine.DockerAsync("login", "-u", "alice", "-p", "wrong", registry.Authority)).ExitCode.ShouldNotBe(0);
        (await engine.DockerAsync("login", "-u", "alice", "-p", "secret", registry.Authority)).ShouldExit(0);
        (await engine.DockerAsync("push", name)).ShouldExit(0);
        (await engine.DockerAsync("rmi", name)).ShouldExit(0);
        (await engine.WharfAsync("pull", name)).ShouldExit(0);
        (await engine.DockerAsync("rmi", name)).ShouldExit(0);
        (await engine.DockerAsync("logout", registry.Authority)).ShouldExit(0);
        (await engine.DockerAsync("pull", name)).ExitCode.ShouldNotBe(0);
    }
}
