using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Hooks of command line plugins: docker's command line and ours tell the plugin the same and print the same of it.</summary>
public sealed class PluginHookTests(EngineFixture engine)
{
    private const string Made = """{"Type":0,"Template":"{{.Name}} made {{arg . 0}} by {{flag . \"driver\"}}\nand{{arg . 7}} more"}""";

    [Theory]
    [InlineData("volume", Made, "volume create --driver local --label a=b hooked-vol", "create made hooked-vol by local")]
    [InlineData("pull,volume create", Made, "volume create -d local hooked-vol", "and more")]
    [InlineData("volume", """{"Template":"listed {{flag . \"quiet\"}}{{flag . \"format\"}}"}""", "volume ls -q --filter name=none --filter dangling=true", "listed true")]
    [InlineData("image,network create", """{"Type":0,"Template":"look at {{arg . 0}}"}""", "network create -d bridge bridge", "look at bridge")]
    [InlineData("hooked go", """{"Type":0,"Template":"went{{arg . 0}}"}""", "hooked go --far -x", "went")]
    [InlineData("hooked", """{"Type":0,"Template":"failed"}""", "hooked fail", null)]
    [InlineData("volume", """{"Type":0,"Template":"{{flag . \"nonsense\"}}"}""", "volume ls -q --filter name=none", null)]
    [InlineData("volume", """{"Type":1,"Template":"other"}""", "volume ls -q --filter name=none", null)]
    [InlineData("volume", """{"Type":0,"Template":" \n "}""", "volume ls -q --filter name=none", null)]
    [InlineData("volume", "no json", "volume ls -q --filter name=none", null)]
    [InlineData("vol,volume create,", Made, "volume ls -q --filter name=none", null)]
    public async Task A_plugin_is_told_what_docker_tells_it_and_says_what_is_next(string hooks, string answer, string command, string? expected)
    {
        var ours = await RunAsync(WharfCli.Program, hooks, answer, command, ["DOCKER_CLI_HOOKS=1"]);
        var dockers = await RunAsync("docker", hooks, answer, command, ["DOCKER_CLI_HOOKS=1"]);
        Lines(ours.Printed).ShouldBe(Lines(dockers.Printed)); // docker prints an error after the hints, Wharf before
        ours.ExitCode.ShouldBe(dockers.ExitCode);
        JsonNode.DeepEquals(JsonNode.Parse(ours.Told), JsonNode.Parse(dockers.Told)).ShouldBeTrue($"{ours.Told}\n{dockers.Told}");
        if (expected is null) ours.Printed.ShouldNotContain("next");
        else ours.Printed.ShouldContain($"    {expected}");
    }

    [Theory]
    [InlineData(true, """{"features":{"hooks":"true"}}""")]
    [InlineData(true, "{}", "DOCKER_CLI_HINTS=true")]
    [InlineData(true, """{"features":{"hooks":"false"}}""", "DOCKER_CLI_HOOKS=t")]
    [InlineData(false, "{}")]
    [InlineData(false, """{"features":{"hooks":"true"}}""", "DOCKER_CLI_HINTS=0")]
    [InlineData(false, """{"features":{"hooks":"yes"}}""")]
    [InlineData(false, "{}", "DOCKER_CLI_HOOKS=no", "DOCKER_CLI_HINTS=1")]
    public async Task Hooks_run_where_they_are_switched_on(bool run, string config, params string[] environment)
    {
        foreach (var program in (string[])[WharfCli.Program, "docker"])
        {
            var result = await RunAsync(program, "volume", """{"Type":0,"Template":"what is next"}""", "volume ls -q --filter name=none", environment, config);
            result.Printed.Contains("what is next").ShouldBe(run, $"{program}: {result.Printed}");
        }
    }

    [Fact]
    public async Task Nothing_is_said_where_there_is_no_terminal()
    {
        using var cli = await ConfiguredAsync("volume", """{"Type":0,"Template":"what is next"}""", "{}");
        cli.Environment["DOCKER_CLI_HOOKS"] = "1";
        var result = await cli.RunAsync("volume", "ls", "-q", "--filter", "name=none");
        result.ShouldExit(0).Error.ShouldBe("");
        File.Exists(cli.PathOf("told")).ShouldBeFalse();
    }

    private static IEnumerable<string> Lines(string text) => text.Split('\n').Order(StringComparer.Ordinal);

    private async Task<(string Printed, int ExitCode, string Told)> RunAsync(string program, string hooks, string answer, string command, string[] environment, string config = "{}")
    {
        using var cli = await ConfiguredAsync(hooks, answer, config);
        var result = await CommandResult.RunAsync("script", ["-qec", $"env -u DOCKER_CLI_HINTS -u NO_COLOR {string.Join(' ', environment)} DOCKER_HOST={engine.Host} DOCKER_CONFIG={cli.Directory} {program} {command}", "/dev/null"]);
        if (command.Contains("hooked-vol", StringComparison.Ordinal)) (await engine.DockerAsync("volume", "rm", "hooked-vol")).ShouldExit(0);
        return (result.Out, result.ExitCode, File.Exists(cli.PathOf("told")) ? await File.ReadAllTextAsync(cli.PathOf("told")) : "null");
    }

    /// <summary>A plugin that notes what it is told, and answers so.</summary>
    private async Task<WharfCli> ConfiguredAsync(string hooks, string answer, string config)
    {
        var cli = new WharfCli(engine);
        var settings = (JsonObject)JsonNode.Parse(config)!;
        settings["plugins"] = new JsonObject { ["hooked"] = new JsonObject { ["hooks"] = hooks }, ["absent"] = new JsonObject { ["hooks"] = hooks } };
        cli.Configure(settings.ToJsonString());
        await cli.WriteProgramAsync("cli-plugins/docker-hooked", $$"""
            #!/bin/sh
            case "$1 $2" in
              docker-cli-plugin-metadata*) echo '{"SchemaVersion":"0.1.0","Vendor":"tests","Version":"1"}' ;;
              "hooked docker-cli-plugin-hooks") printf %s "$3" > {{cli.PathOf("told")}}; printf '%s' '{{answer}}' ;;
              *) echo "ran $*"; [ "$2" != fail ] ;;
            esac
            """);
        return cli;
    }
}
