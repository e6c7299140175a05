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

    /// <summary>Variables of every compose that is run for it.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public static async Task<ComposeProject> MakeAsync(EngineFixture engine, string yaml, params (string Name, string Content)[] files)
    {
        if (yaml.Contains("compat-redis", StringComparison.Ordinal) && (await engine.DockerAsync("image", "inspect", "compat-redis:latest")).ExitCode != 0)
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

    public Task<CommandResult> ComposeAsync(IReadOnlyDictionary<string, string> environment, params string[] args) =>
        RunAsync(_engine, new Dictionary<string, string>(Environment.Concat(environment)), ["--project-directory", _directory, "-f", Path.Combine(_directory, "compose.yaml"), .. args]);

    /// <summary>docker compose on another project than one of this kind: what it is to read stands in <paramref name="args"/>.</summary>
    public static Task<CommandResult> RunAsync(EngineFixture engine, IReadOnlyDictionary<string, string> environment, IEnumerable<string> args)
    {
        DockerPlugins.Require("docker-compose");
        var all = new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(engine.Root, "compose-config")), ["COMPOSE_PROGRESS"] = "plain" };
        foreach (var (name, value) in environment) all[name] = value;
        return CommandResult.RunAsync("docker", ["compose", .. args], null, 120, all);
    }

    public static List<string> Lines(CommandResult result) => [.. result.ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    public async ValueTask DisposeAsync()
    {
        var down = await ComposeAsync("--profile", "*", "down", "-v", "--remove-orphans", "-t", "0");
        down.ExitCode.ShouldBe(0, down.Error);
        Directory.Delete(_directory, recursive: true);
    }
}
