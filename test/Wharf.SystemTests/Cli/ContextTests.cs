using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Contexts: kept as docker keeps them, so that either program uses what the other made.</summary>
public sealed class ContextTests(EngineFixture engine)
{
    [Fact]
    public async Task A_context_with_tls_is_made_used_exported_imported_and_understood_by_docker()
    {
        int port = LocalRegistry.FreePort();
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            Certificates.Write(root);
            return ["-H", $"unix://{root}/w.sock", "-H", $"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", $"{root}/ca.pem", "--tlscert", $"{root}/server.pem", "--tlskey", $"{root}/server-key.pem"];
        });
        using var cli = new WharfCli(engine);
        cli.Environment["DOCKER_HOST"] = "";
        var endpoint = $"host=tcp://127.0.0.1:{port},ca={daemon.Root}/ca.pem,cert={daemon.Root}/alice.pem,key={daemon.Root}/alice-key.pem";
        (await cli.RunAsync("context", "create", "far", "--description", "with TLS", "--docker", endpoint)).ShouldExit(0).Text.ShouldBe("far");
        (await cli.RunAsync("context", "use", "far")).ShouldExit(0).Text.ShouldBe("far");
        (await cli.RunAsync("context", "show")).ShouldExit(0).Text.ShouldBe("far");
        var info = (await cli.RunAsync("info", "--format", "{{.DockerRootDir}}")).ShouldExit(0).Text;
        info.ShouldBe(Path.Combine(daemon.Root, "data"));
        // Docker's own client reads the same store.
        var docker = await CommandResult.RunAsync("docker", ["info", "--format", "{{.DockerRootDir}}"], null, 60, new Dictionary<string, string> { ["DOCKER_CONFIG"] = cli.Directory, ["DOCKER_HOST"] = "" });
        docker.ShouldExit(0).Text.ShouldBe(info);

        (await cli.RunAsync("context", "export", "far", cli.PathOf("far.tar"))).ShouldExit(0);
        (await cli.RunAsync("context", "import", "near", cli.PathOf("far.tar"))).ShouldExit(0).Text.ShouldBe("near");
        (await cli.RunAsync("--context", "near", "info", "--format", "{{.DockerRootDir}}")).ShouldExit(0).Text.ShouldBe(info);
        (await cli.RunAsync("context", "inspect", "near", "--format", "{{.Metadata.Description}} {{.Endpoints.docker.Host}} {{json .TLSMaterial}}")).ShouldExit(0).Text.ShouldBe($"with TLS tcp://127.0.0.1:{port} {{\"docker\":[\"ca.pem\",\"cert.pem\",\"key.pem\"]}}");
        (await cli.RunAsync("context", "update", "near", "--docker", $"host=unix://{daemon.Socket}")).ShouldExit(0);
        (await cli.RunAsync("--context", "near", "info", "--format", "{{.DockerRootDir}}")).ShouldExit(0).Text.ShouldBe(info);
        (await cli.RunAsync("context", "ls", "--format", "{{.Name}}{{if .Current}} *{{end}}")).ShouldExit(0).Text.ShouldBe("default\nfar *\nnear");
        (await cli.RunAsync("context", "rm", "far")).ShouldExit(1).Error.ShouldContain("is in use");
        (await cli.RunAsync("context", "rm", "-f", "far", "near")).ShouldExit(0);
        (await cli.RunAsync("context", "ls", "-q")).ShouldExit(0).Text.ShouldBe("default");
        Directory.EnumerateFiles(cli.PathOf("contexts"), "*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task Over_ssh_the_daemon_is_reached_through_dial_stdio()
    {
        using var cli = new WharfCli(engine);
        await cli.StandInForSshAsync(engine.Host);
        cli.Environment["DOCKER_HOST"] = "ssh://me@host.test:2222";
        (await cli.RunAsync("through\n"u8.ToArray(), "run", "--rm", "-i", "busybox", "cat")).ShouldExit(0).Out.ShouldBe("through\n");
        (await File.ReadAllTextAsync(cli.PathOf("said"))).ShouldContain("-l me -p 2222 -- host.test");
    }
}
