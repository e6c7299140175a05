using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Manifest lists made at the command line: <c>wharf manifest</c> beside docker's own client, step by step, each with a configuration of its own.</summary>
public sealed class ManifestVerbTests : IAsyncLifetime
{
    private readonly string _docker = Directory.CreateTempSubdirectory("wharf-manifest-").FullName;
    private readonly string _wharf = Directory.CreateTempSubdirectory("wharf-manifest-").FullName;
    private LocalRegistry _registry = null!;
    private string _amd = "", _arm = "";

    public async ValueTask InitializeAsync()
    {
        _registry = await LocalRegistry.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{_registry.Address}/v2/") };
        var writer = new RegistryWriter(http);
        foreach (var tag in (string[])["amd", "arm"]) await writer.ImageAsync("app", tag, [Encoding.UTF8.GetBytes(tag.PadRight(1024))]);
        (_amd, _arm) = ($"{_registry.Address}/app:amd", $"{_registry.Address}/app:arm");
    }

    [Fact]
    public async Task A_list_is_made_annotated_shown_pushed_and_dropped_as_docker_does_it()
    {
        var list = $"{_registry.Address}/app:all";
        await SameAsync("create", "--insecure", list, _amd, _arm);
        await SameAsync("create", "--insecure", list, _amd);
        await SameAsync("create", "--insecure", "--amend", list, _arm);
        await SameAsync("annotate", "--arch", "arm64", "--variant", "v8", "--os", "linux", "--os-version", "7", "--os-features", "a,b", list, _arm);
        await SameAsync("annotate", "--arch", "bogus", list, _arm);
        await SameAsync("annotate", "--arch", "arm64", list, $"{_registry.Address}/app:none");
        await SameAsync("annotate", "--arch", "arm64", $"{_registry.Address}/app:none", _arm);
        await SameAsync("inspect", list);
        await SameAsync("inspect", list, _arm);
        await SameAsync("inspect", "--verbose", list);
        await SameAsync("push", "--insecure", list);
        await SameAsync("inspect", "--insecure", list);
        var shown = JsonNode.Parse((await RunAsync(_wharf, WharfCli.Program, "inspect", "--insecure", list)).ShouldExit(0).Out)!;
        shown["manifests"]!.AsArray().Select(entry => entry!["platform"]!["architecture"]!.GetValue<string>()).Order().ShouldBe(["amd64", "arm64"]);
        await SameAsync("push", "--insecure", "--purge", list);
        await SameAsync("annotate", "--arch", "arm64", list, _arm);
        await SameAsync("create", "--insecure", list, _amd);
        await SameAsync("rm", list);
        await SameAsync("rm", list);
    }

    [Fact]
    public async Task What_is_not_there_or_not_meant_is_told_in_dockers_words()
    {
        await SameAsync("create", "--insecure", $"{_registry.Address}/app:all", $"{_registry.Address}/app:none");
        await SameAsync("create", $"{_registry.Address}/app:all");
        await SameAsync("inspect", "--insecure", $"{_registry.Address}/none:none");
        await SameAsync("push", "--insecure", $"{_registry.Address}/app:none");
        await SameAsync("push", "UPPER");
        await SameAsync("annotate", $"{_registry.Address}/app:all");
    }

    private async Task SameAsync(params string[] args)
    {
        var docker = await RunAsync(_docker, "docker", args);
        var wharf = await RunAsync(_wharf, WharfCli.Program, args);
        Tell(wharf).ShouldBe(Tell(docker), string.Join(' ', args));
    }

    // The hint behind a wrong number of arguments names the program; docker leaves a character as the registry has written it.
    private static string Tell(CommandResult result) => $"{result.ExitCode}\n{result.Out.Replace("\\u002B", "+")}{result.Error.Replace("docker", "wharf").Trim()}";

    private static Task<CommandResult> RunAsync(string config, string program, params string[] args) =>
        CommandResult.RunAsync(program, ["manifest", .. args], environment: new Dictionary<string, string> { ["DOCKER_CONFIG"] = config });

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        Directory.Delete(_docker, recursive: true);
        Directory.Delete(_wharf, recursive: true);
    }
}
