using Shouldly;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Clients;

/// <summary>Real docker compose on a project directory, with a Redis image made from Debian's packages.</summary>
internal sealed class ComposeProject : IAsyncDisposable
{
    private readonly EngineFixture _engine;
    private readonly string _directory;

    private ComposeProject(EngineFixture engine, string directory) => (_engine, _directory) = (engine, directory);

    public string PathOf(string file) => Path.Combine(_directory, file);

    public string Name => Path.GetFileName(_directory);

    public static async Task<ComposeProject> MakeAsync(EngineFixture engine, string yaml, params (string Name, string Content)[] files)
    {
        if ((await engine.DockerAsync("image", "inspect", "compat-redis:latest")).ExitCode != 0)
            (await engine.DockerAsync(await ProgramImage.TarAsync("/usr/bin/redis-server", "/usr/bin/redis-cli"), "import", "--change", "CMD [\"redis-server\", \"--save\", \"\"]", "--change", "EXPOSE 6379", "-", "compat-redis:latest")).ShouldExit(0);
        var directory = Path.Combine(engine.Root, $"compose{Guid.NewGuid().ToString("N")[..8]}");
        Directory.CreateDirectory(directory);
        await File.WriteAllTextAsync(Path.Combine(directory, "compose.yaml"), yaml);
        foreach (var (name, content) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(directory, name))!);
            await File.WriteAllTextAsync(Path.Combine(directory, name), content);
        }
        return new ComposeProject(engine, directory);
    }

    public Task<CommandResult> ComposeAsync(params string[] args) => ComposeAsync(new Dictionary<string, string>(), args);

    public Task<CommandResult> ComposeAsync(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        DockerPlugins.Require("docker-compose");
        var config = DockerPlugins.Config(Path.Combine(_engine.Root, "compose-config"));
        var all = new Dictionary<string, string>(environment) { ["DOCKER_HOST"] = _engine.Host, ["DOCKER_CONFIG"] = config, ["COMPOSE_PROGRESS"] = "plain" };
        return CommandResult.RunAsync("docker", ["compose", "--project-directory", _directory, "-f", Path.Combine(_directory, "compose.yaml"), .. args], null, 120, all);
    }

    public async ValueTask DisposeAsync()
    {
        var down = await ComposeAsync("--profile", "*", "down", "-v", "--remove-orphans", "-t", "0");
        down.ExitCode.ShouldBe(0, down.Error);
        Directory.Delete(_directory, recursive: true);
    }
}
