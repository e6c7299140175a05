using System.Text;
using Shouldly;
using Wharf.Cli;
using Wharf.Cli.Commands;
using Wharf.Cli.CommandLine;
using Xunit;

namespace Wharf.Tests.Cli.CommandLine;

/// <summary>Finding commands, and what is said when there is none.</summary>
public sealed class CommandRunnerTests
{
    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] words)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        await using var cli = new CliContext(new GlobalOptions(), Stream.Null, output, error);
        var exitCode = await CliProgram.RunAsync(cli, words);
        return (exitCode, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }

    [Fact]
    public async Task An_unknown_command_exits_with_1()
        => (await RunAsync("frob")).ShouldBe((1, "", "wharf: unknown command: wharf frob\n\nRun 'wharf --help' for more information\n"));

    [Fact]
    public async Task An_unknown_verb_of_a_noun_exits_with_1()
        => (await RunAsync("container", "frob")).ShouldBe((1, "", "wharf: unknown command: wharf container frob\n\nUsage:  wharf container\n\nRun 'wharf container --help' for more information\n"));

    [Theory]
    [InlineData("\tpull\n", "pul")]
    [InlineData("\tcp\n\tps\n\tstop\n", "sp")]
    [InlineData("\tinspect\n", "image", "insp")]
    public async Task A_mistyped_command_is_told_what_was_meant(string names, params string[] words)
    {
        var (exitCode, output, error) = await RunAsync(words);
        (exitCode, output).ShouldBe((1, ""));
        error.ShouldContain($"\nDid you mean this?\n{names}");
    }

    [Fact]
    public async Task An_unknown_flag_exits_with_125_and_shows_the_usage()
        => (await RunAsync("run", "--frob", "busybox")).ShouldBe((125, "", "unknown flag: --frob\n\nUsage:  wharf run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'wharf run --help' for more information\n"));

    [Fact]
    public async Task Too_few_arguments_exit_with_1()
        => (await RunAsync("exec", "x")).ShouldBe((1, "", "wharf: 'wharf exec' requires at least 2 arguments\n\nUsage:  wharf exec [OPTIONS] CONTAINER COMMAND [ARG...]\n\nSee 'wharf exec --help' for more information\n"));

    [Theory]
    [InlineData("wharf container", "container", "--frob")]
    [InlineData("wharf volume COMMAND", "volume", "--frob")]
    public async Task An_unknown_flag_of_a_noun_shows_the_nouns_usage(string usage, params string[] words)
        => (await RunAsync(words)).ShouldBe((125, "", $"unknown flag: --frob\n\nUsage:  {usage}\n\nRun 'wharf {words[0]} --help' for more information\n"));

    [Theory]
    [InlineData("nope", "help", "nope")]
    [InlineData("nope x", "help", "container", "nope", "x")]
    public async Task Help_of_what_is_no_command_says_so(string rest, params string[] words) => (await RunAsync(words)).ShouldBe((1, "", $"unknown help topic: {rest}\n"));

    [Theory]
    [InlineData("invalid bind address format: foo://x", "-H", "foo://x", "ps")]
    [InlineData("open /nosuch/ca.pem: no such file or directory", "--tlsverify", "--tlscacert", "/nosuch/ca.pem", "-H", "tcp://127.0.0.1:1", "ps")]
    public async Task An_address_or_an_authority_that_cannot_be_used_ends_it_before_the_request(string why, params string[] words)
        => (await RunAsync(words)).ShouldBe((1, "", $"Failed to initialize: unable to resolve docker endpoint: {why}\n"));

    [Theory]
    [InlineData("invalid argument \"99999\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"99999\": value out of range", "--blkio-weight", "99999")]
    [InlineData("invalid argument \"x\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"x\": invalid syntax", "--blkio-weight", "x")]
    [InlineData("invalid argument \"x\" for \"--device-cgroup-rule\" flag: invalid device cgroup format 'x'", "--device-cgroup-rule", "x")]
    [InlineData("invalid argument \"c 1:q r\" for \"--device-cgroup-rule\" flag: invalid device cgroup format 'c 1:q r'", "--device-cgroup-rule", "c 1:q r")]
    [InlineData("invalid argument \"name=bridge,bad=x\" for \"--network\" flag: invalid field key bad", "--network", "name=bridge,bad=x")]
    public async Task A_value_of_run_that_cannot_be_is_told_with_the_usage(string message, params string[] words)
        => (await RunAsync(["run", .. words, "busybox"])).ShouldBe((125, "", $"{message}\n\nUsage:  wharf run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'wharf run --help' for more information\n"));

    [Theory]
    [InlineData(127, "failed to create the container ID file: open /nosuch/id: no such file or directory", "--cidfile", "/nosuch/id")]
    [InlineData(125, "container ID file found, make sure the other container isn't running or delete /tmp", "--cidfile", "/tmp")]
    [InlineData(125, "error parsing specified platform: \"a/b/c/d\": cannot parse platform specifier: invalid argument", "--platform", "a/b/c/d")]
    public async Task What_run_cannot_use_on_this_side_ends_it_before_the_request(int exitCode, string message, params string[] words)
        => (await RunAsync(["-H", "unix:///nosuch/wharf.sock", "run", .. words, "busybox"])).ShouldBe((exitCode, "", $"wharf: {message}\n\nRun 'wharf run --help' for more information\n"));

    [Fact]
    public async Task The_file_of_an_id_is_gone_again_when_no_container_was_made()
    {
        var file = Path.Combine(Path.GetTempPath(), $"wharf-id-{Guid.NewGuid():N}");
        (await RunAsync("-H", "unix:///nosuch/wharf.sock", "run", "--cidfile", file, "busybox")).ExitCode.ShouldBe(125);
        File.Exists(file).ShouldBeFalse();
    }

    [Fact]
    public async Task A_template_of_events_is_tried_before_the_daemon_is_asked()
        => (await RunAsync("-H", "unix:///nosuch/wharf.sock", "events", "--format", "{{.Nope}}")).ShouldBe((64, "", "Error parsing format: template: :1:2: executing \"\" at <.Nope>: can't evaluate field Nope in type *events.Message\n"));

    [Fact]
    public async Task A_daemon_that_is_not_there_is_named()
        => (await RunAsync("-H", "unix:///nosuch/wharf.sock", "ps")).ShouldBe((1, "", "Cannot connect to the Docker daemon at unix:///nosuch/wharf.sock. Is the docker daemon running?\n"));

    [Fact]
    public async Task Run_without_a_daemon_exits_with_125()
    {
        var (exitCode, _, error) = await RunAsync("-H", "unix:///nosuch/wharf.sock", "run", "busybox");
        exitCode.ShouldBe(125);
        error.ShouldBe("wharf: Cannot connect to the Docker daemon at unix:///nosuch/wharf.sock. Is the docker daemon running?\n\nRun 'wharf run --help' for more information\n");
    }

    [Fact]
    public async Task Help_goes_to_stdout_and_succeeds()
    {
        var (exitCode, output, error) = await RunAsync("container", "ls", "--help");
        exitCode.ShouldBe(0);
        error.ShouldBe("");
        output.ShouldStartWith("Usage:  wharf container ls [OPTIONS]\n\nList containers\n\nAliases:\n  wharf container ls, wharf container list, wharf container ps, wharf ps\n\nOptions:\n");
    }

    [Fact]
    public void Every_command_can_be_made_and_explained()
    {
        foreach (var (path, entry) in Walk("wharf", Catalog.Root)) HelpText.ForCommand(path, entry, entry.Create!()).ShouldStartWith($"Usage:  {path}");
    }

    [Fact]
    public void Every_spelling_a_command_claims_leads_to_it()
    {
        foreach (var (_, entry) in Walk("wharf", Catalog.Root))
        {
            foreach (var spelling in entry.Spellings)
            {
                var found = spelling.Split(' ').Aggregate(Catalog.Root, (at, word) => at.Find(word).ShouldNotBeNull($"{spelling} of {entry.Name}"));
                found.Create!().GetType().ShouldBe(entry.Create!().GetType());
            }
        }
    }

    private static IEnumerable<(string Path, CommandEntry Entry)> Walk(string path, CommandEntry entry) => entry.Create is not null
        ? [(path, entry)]
        : entry.Children.SelectMany(child => Walk($"{path} {child.Name}", child));
}
