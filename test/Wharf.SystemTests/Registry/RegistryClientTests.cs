using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Real clients push, pull and delete, over TLS with a password, with tokens and with client certificates.</summary>
public sealed class RegistryClientTests(EngineFixture engine)
{
    /// <summary>How a client says who it is.</summary>
    public enum Login { Password, Token, Certificate }

    /// <summary>A registry over TLS; its root has <c>certs/</c> as clients of containers/image and docker's certs.d read it.</summary>
    private static async Task<RegistryProcess> SecureAsync(TestCertificates authority, Login login)
    {
        var registry = new RegistryProcess();
        var certificates = Directory.CreateDirectory(Path.Combine(registry.Root, "certs")).FullName;
        using var _ = authority.Write(registry.Root, "server", "registry");
        authority.WriteAuthority(Path.Combine(certificates, "ca.crt"));
        if (login == Login.Certificate)
        {
            using var alice = authority.Write(certificates, "client", "alice");
            File.Move(Path.Combine(certificates, "client.crt"), Path.Combine(certificates, "client.cert"));
            await registry.StartAsync("""{ "tls": { "certificate": "ROOT/server.crt", "key": "ROOT/server.key", "client-ca": "ROOT/certs/ca.crt" }, "auth": { "policies": [ { "repository": "**", "users": ["alice"], "allow": ["*"] } ] } }""");
            return registry;
        }
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "htpasswd"), (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["registry", "htpasswd", "alice"], Encoding.UTF8.GetBytes("secret\n"))).ShouldExit(0).Out);
        await registry.StartAsync($$"""{ "tls": { "certificate": "ROOT/server.crt", "key": "ROOT/server.key" }, "auth": { "htpasswd": "ROOT/htpasswd" {{(login == Login.Token ? ", \"token\": {}" : "")}} } }""");
        return registry;
    }

    /// <summary>The certificates without the client's own.</summary>
    private static string AuthorityOnly(RegistryProcess registry)
    {
        var directory = Directory.CreateDirectory(Path.Combine(registry.Root, "authority")).FullName;
        File.Copy(Path.Combine(registry.Root, "certs", "ca.crt"), Path.Combine(directory, "ca.crt"), overwrite: true);
        return directory;
    }

    private static string[] Credentials(Login login, string option) => login == Login.Certificate ? [] : [option, "alice:secret"];

    [Theory]
    [InlineData(Login.Password)]
    [InlineData(Login.Token)]
    [InlineData(Login.Certificate)]
    public async Task Skopeo_pushes_inspects_pulls_and_deletes(Login login)
    {
        var skopeo = Programs.Find("skopeo");
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, login);
        var certificates = Path.Combine(registry.Root, "certs");
        var archive = Path.Combine(registry.Root, "image.tar");
        (await engine.DockerAsync("save", "-o", archive, "busybox:latest")).ShouldExit(0);
        var name = $"docker://{registry.Authority}/sk/app:v1";
        Task<CommandResult> Run(params string[] args) => CommandResult.RunAsync(skopeo, ["--insecure-policy", .. args], seconds: 120);
        (await Run("copy", "--dest-cert-dir", AuthorityOnly(registry), $"docker-archive:{archive}", name)).ExitCode.ShouldNotBe(0, "nobody may push without a login");
        (await Run(["copy", "--dest-cert-dir", certificates, .. Credentials(login, "--dest-creds"), $"docker-archive:{archive}", name])).ShouldExit(0);
        (await Run(["inspect", "--cert-dir", certificates, .. Credentials(login, "--creds"), name])).ShouldExit(0).Out.ShouldContain("\"v1\"");
        (await Run(["copy", "--src-cert-dir", certificates, .. Credentials(login, "--src-creds"), name, $"oci:{registry.Root}/oci:v1"])).ShouldExit(0);
        (await Run(["copy", "--dest-cert-dir", certificates, .. Credentials(login, "--dest-creds"), $"oci:{registry.Root}/oci:v1", $"docker://{registry.Authority}/sk/oci:v1"])).ShouldExit(0);
        (await Run(["delete", "--cert-dir", certificates, .. Credentials(login, "--creds"), name])).ShouldExit(0);
        (await Run(["inspect", "--cert-dir", certificates, .. Credentials(login, "--creds"), name])).ExitCode.ShouldNotBe(0);
    }

    [Theory]
    [InlineData(Login.Password)]
    [InlineData(Login.Token)]
    [InlineData(Login.Certificate)]
    public async Task Podman_pushes_and_pulls(Login login)
    {
        var podman = Programs.Find("podman");
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, login);
        var archive = Path.Combine(registry.Root, "image.tar");
        (await engine.DockerAsync("save", "-o", archive, "busybox:latest")).ShouldExit(0);
        var name = $"{registry.Authority}/pod/app:v1";
        Task<CommandResult> Run(params string[] args) => CommandResult.RunAsync(podman, ["--root", registry.Root + "/podman", "--runroot", registry.Root + "/podman-run", "--storage-driver", "vfs", .. args], seconds: 120);
        (await Run("load", "-i", archive)).ShouldExit(0);
        (await Run("tag", "docker.io/library/busybox:latest", name)).ShouldExit(0);
        (await Run("push", "--cert-dir", AuthorityOnly(registry), name)).ExitCode.ShouldNotBe(0, "nobody may push without a login");
        (await Run(["push", "--cert-dir", Path.Combine(registry.Root, "certs"), .. Credentials(login, "--creds"), name])).ShouldExit(0);
        (await Run("rmi", "-a", "-f")).ShouldExit(0);
        (await Run(["pull", "--cert-dir", Path.Combine(registry.Root, "certs"), .. Credentials(login, "--creds"), name])).ShouldExit(0);
        (await Run("rmi", "-a", "-f")).ShouldExit(0);
    }

    [Theory]
    [InlineData(Login.Password)]
    [InlineData(Login.Token)]
    [InlineData(Login.Certificate)]
    public async Task Docker_and_wharf_push_and_pull_over_TLS(Login login)
    {
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, login);
        var trust = Path.Combine(registry.Root, "certs.d", registry.Authority);
        Directory.CreateDirectory(Path.GetDirectoryName(trust)!);
        Directory.Move(Path.Combine(registry.Root, "certs"), trust);
        await using var own = new EngineFixture();
        await own.StartOwnAsync("--certs-dir", Path.Combine(registry.Root, "certs.d"));
        var archive = Path.Combine(registry.Root, "image.tar");
        (await engine.DockerAsync("save", "-o", archive, "busybox:latest")).ShouldExit(0);
        (await own.DockerAsync("load", "-i", archive)).ShouldExit(0);
        var name = $"{registry.Authority}/dk/app:v1";
        (await own.DockerAsync("tag", "busybox:latest", name)).ShouldExit(0);
        if (login != Login.Certificate)
        {
            (await own.DockerAsync("push", name)).ExitCode.ShouldNotBe(0, "nobody may push without a login");
            (await own.DockerAsync("login", "-u", "alice", "-p", "secret", registry.Authority)).ShouldExit(0);
        }
        (await own.DockerAsync("push", name)).ShouldExit(0);
        (await own.DockerAsync("rmi", name)).ShouldExit(0);
        (await own.WharfAsync("pull", name)).ShouldExit(0);
        (await own.WharfAsync("push", name)).ShouldExit(0);
        if (login != Login.Certificate) (await own.DockerAsync("logout", registry.Authority)).ShouldExit(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Crane_and_oras_push_attach_and_pull(bool tokens)
    {
        var (crane, oras) = (Programs.Find("crane"), Programs.Find("oras"));
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, tokens ? Login.Token : Login.Password);
        var environment = new Dictionary<string, string> { ["SSL_CERT_FILE"] = Path.Combine(registry.Root, "certs", "ca.crt"), ["DOCKER_CONFIG"] = registry.Root, ["HOME"] = registry.Root };
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
        var login = (string[])["--username", "alice", "--password", "secret", "--ca-file", Path.Combine(registry.Root, "certs", "ca.crt")];
        (await Run(oras, ["attach", .. login, "--disable-path-validation", "--artifact-type", "application/note", $"{registry.Authority}/cr/app:v1", Path.Combine(registry.Root, "note.txt") + ":text/plain"])).ShouldExit(0);
        (await Run(oras, ["discover", .. login, $"{registry.Authority}/cr/app:v1"])).ShouldExit(0).Out.ShouldContain("application/note");
    }

    /// <summary>crane has no option for a client's certificate; oras has.</summary>
    [Fact]
    public async Task Oras_pushes_attaches_and_pulls_with_a_client_certificate()
    {
        var oras = Programs.Find("oras");
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, Login.Certificate);
        var certificates = Path.Combine(registry.Root, "certs");
        var environment = new Dictionary<string, string> { ["DOCKER_CONFIG"] = registry.Root, ["HOME"] = registry.Root };
        var (trust, login) = ((string[])["--ca-file", certificates + "/ca.crt"], (string[])["--cert-file", certificates + "/client.cert", "--key-file", certificates + "/client.key"]);
        Task<CommandResult> Run(params string[] args) => CommandResult.RunAsync(oras, args, seconds: 120, environment: environment);
        await File.WriteAllTextAsync(Path.Combine(registry.Root, "note.txt"), "hello");
        var (name, file) = ($"{registry.Authority}/or/notes:v1", Path.Combine(registry.Root, "note.txt") + ":text/plain");
        (await Run(["push", .. trust, "--disable-path-validation", name, file])).ExitCode.ShouldNotBe(0, "nobody may push without a certificate");
        (await Run(["push", .. trust, .. login, "--disable-path-validation", "--artifact-type", "application/notes", name, file])).ShouldExit(0);
        (await Run(["attach", .. trust, .. login, "--disable-path-validation", "--artifact-type", "application/note", name, file])).ShouldExit(0);
        (await Run(["discover", .. trust, .. login, name])).ShouldExit(0).Out.ShouldContain("application/note");
        (await Run(["pull", .. trust, .. login, "--allow-path-traversal", "-o", Path.Combine(registry.Root, "pulled"), name])).ShouldExit(0);
        (await Run(["repo", "tags", .. trust, .. login, $"{registry.Authority}/or/notes"])).ShouldExit(0).Text.Split('\n').ShouldContain("v1");
    }

    /// <summary>buildx through the engine: an index with an attestation, and a cache in the image that another engine takes up.</summary>
    [Fact]
    public async Task Buildx_pushes_provenance_and_a_cache_over_TLS()
    {
        SystemTests.Build.Buildx.Require("docker-buildx");
        using var authority = new TestCertificates();
        await using var registry = await SecureAsync(authority, Login.Token);
        var trust = Path.Combine(registry.Root, "certs.d", registry.Authority);
        Directory.CreateDirectory(Path.GetDirectoryName(trust)!);
        Directory.Move(Path.Combine(registry.Root, "certs"), trust);
        var context = Directory.CreateDirectory(Path.Combine(registry.Root, "context")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), "FROM busybox\nRUN head -c 16 /dev/urandom | od -An -tx1 > /random\n");
        var name = $"{registry.Authority}/bx/app:v1";
        await using var own = new EngineFixture();
        await own.StartOwnAsync("--certs-dir", Path.Combine(registry.Root, "certs.d"));
        await own.EnsureImageAsync();
        // One configuration for all: logins are kept in it.
        var environment = new Dictionary<string, string> { ["DOCKER_HOST"] = own.Host, ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(own.Root, "login-config")), ["BUILDKIT_PROGRESS"] = "plain" };
        Task<CommandResult> DockerAsync(params string[] args) => CommandResult.RunAsync("docker", args, null, 120, environment);
        Task<CommandResult> BuildAsync(params string[] args) => DockerAsync(["buildx", "build", .. args, context]);
        (await BuildAsync("--push", "-t", name, "--provenance=mode=max", "--cache-to", "type=inline")).ExitCode.ShouldNotBe(0, "nobody may push without a login");
        (await DockerAsync("login", "-u", "alice", "-p", "secret", registry.Authority)).ShouldExit(0);
        (await BuildAsync("--push", "-t", name, "--provenance=mode=max", "--cache-to", "type=inline")).ShouldExit(0);
        (await own.DockerAsync("login", "-u", "alice", "-p", "secret", registry.Authority)).ShouldExit(0);
        using var http = new RegistryApi(registry.Url, authority.Handler());
        http.Http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("alice:secret"u8));
        var index = await (await (await http.SendAsync("GET", "/v2/bx/app/manifests/v1", headers: [("Accept", RegistryApi.OciIndex)])).ShouldBeAsync(System.Net.HttpStatusCode.OK)).JsonAsync();
        index.GetProperty("manifests").EnumerateArray().Count(entry => entry.TryGetProperty("annotations", out var annotations) && annotations.TryGetProperty("vnd.docker.reference.type", out var type) && type.GetString() == "attestation-manifest").ShouldBe(1);
        var random = (await own.DockerAsync("run", "--rm", name, "cat", "/random")).ShouldExit(0).Text;
        (await own.DockerAsync("rmi", name)).ShouldExit(0);
        (await own.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
        (await BuildAsync("-t", "again", "--cache-from", name)).ShouldExit(0).Error.ShouldContain("CACHED");
        (await own.DockerAsync("run", "--rm", "again", "cat", "/random")).ShouldExit(0).Text.ShouldBe(random);
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
