using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Real docker compose with a registry that wants a password: build, push and pull, and when a service's image is fetched.</summary>
public sealed class ComposeRegistryTests(EngineFixture engine)
{
    private const string Yaml = """
        services:
          app:
            image: ${IMAGE}
            build:
              context: .
              args: { VERSION: "${VERSION:-1}" }
        """;
    private const string Dockerfile = """
        FROM busybox
        ARG VERSION
        RUN echo $VERSION > /version
        CMD ["cat", "/version"]
        """;

    private async Task<ComposeProject> MakeAsync(LocalRegistry registry, bool login, string yaml = Yaml)
    {
        var project = await ComposeProject.MakeAsync(engine, yaml, ("Dockerfile", Dockerfile));
        var config = DockerPlugins.Config(project.PathOf("config"));
        project.Environment["DOCKER_CONFIG"] = config;
        project.Environment["IMAGE"] = $"{registry.Address}/app:1";
        if (login)
            (await CommandResult.RunAsync("docker", ["login", "-u", "alice", "--password-stdin", registry.Address], Encoding.UTF8.GetBytes("secret"), 60, new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = config })).ShouldExit(0);
        return project;
    }

    private static async Task<string> RunAsync(ComposeProject project, params string[] options) => (await project.ComposeAsync(["run", "--rm", .. options, "app"])).ShouldExit(0).Text;

    [Fact]
    public async Task Images_are_built_pushed_and_pulled_by_policy()
    {
        DockerPlugins.Require("docker-buildx");
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        await using var project = await MakeAsync(registry, login: true);
        var image = project.Environment["IMAGE"];
        (await project.ComposeAsync("build")).ShouldExit(0);
        (await project.ComposeAsync("push")).ShouldExit(0);
        var first = (await engine.DockerAsync("image", "inspect", "-f", "{{index .RepoDigests 0}}", image)).ShouldExit(0).Text;
        (await engine.DockerAsync("rmi", image)).ShouldExit(0);
        (await project.ComposeAsync("up", "--no-build", "--pull", "never")).ExitCode.ShouldNotBe(0);
        (await project.ComposeAsync("pull")).ShouldExit(0);
        (await RunAsync(project)).ShouldBe("1");

        (await project.ComposeAsync(new Dictionary<string, string> { ["VERSION"] = "2" }, "build", "--push")).ShouldExit(0);
        (await RunAsync(project)).ShouldBe("2");
        // Here it is the older one, there the newer.
        (await engine.DockerAsync("tag", first, image)).ShouldExit(0);
        (await RunAsync(project, "--pull", "missing")).ShouldBe("1");
        (await project.ComposeAsync("pull", "--policy", "missing")).ShouldExit(0);
        (await RunAsync(project, "--pull", "never")).ShouldBe("1");
        (await RunAsync(project, "--pull", "always")).ShouldBe("2");
        (await project.ComposeAsync("down", "--rmi", "all")).ShouldExit(0);
        (await engine.DockerAsync("image", "inspect", image)).ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task Who_has_not_logged_in_neither_pushes_nor_pulls()
    {
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        await using var project = await MakeAsync(registry, login: false);
        (await project.ComposeAsync("build")).ShouldExit(0);
        var refused = await project.ComposeAsync("push");
        refused.ExitCode.ShouldNotBe(0);
        refused.Error.ShouldContain("no basic auth credentials");
        (await project.ComposeAsync("push", "--ignore-push-failures")).ShouldExit(0);
        (await engine.DockerAsync("rmi", project.Environment["IMAGE"])).ShouldExit(0);
        // What can be built need not be there to be pulled.
        (await project.ComposeAsync("pull", "--ignore-buildable")).ShouldExit(0);
        await using var other = await MakeAsync(registry, login: false, "services: { app: { image: '${IMAGE}' } }");
        (await other.ComposeAsync("pull")).ExitCode.ShouldNotBe(0);
        (await other.ComposeAsync("pull", "--ignore-pull-failures")).ShouldExit(0);
    }
}
