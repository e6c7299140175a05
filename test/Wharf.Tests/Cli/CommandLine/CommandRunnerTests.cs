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

    [Fact]
    public async Task An_unknown_flag_exits_with_125_and_shows_the_usage()
        => (await RunAsync("run", "--frob", "busybox")).ShouldBe((125, "", "unknown flag: --frob\n\nUsage:  wharf run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'wharf run --help' for more information\n"));

    [Fact]
    public async Task Too_few_arguments_exit_with_1()
        => (await RunAsync("exec", "x")).ShouldBe((1, "", "wharf: 'wharf exec' requires at least 2 arguments\n\nUsage:  wharf exec [OPTIONS] CONTAINER COMMAND [ARG...]\n\nSee 'wharf exec --help' for more information\n"));

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
