using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf commit</c>.</summary>
internal sealed class CommitCommand : Command
{
    private readonly StringFlag author, message;
    private readonly ListFlag change;
    private readonly BoolFlag pause;

    public CommitCommand()
    {
        author = Flags.String("author", 'a', "Who made it (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")");
        change = Flags.List("change", 'c', "Dockerfile instruction to apply to the image");
        message = Flags.String("message", 'm', "What was done");
        pause = Flags.Bool("pause", 'p', "Pause the container meanwhile", initial: true);
    }

    public override string Usage => "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, tag) = ("", "");
        if (arguments.Count == 2)
        {
            Reference.Check(arguments[1]);
            (name, tag, var digest) = Reference.Split(arguments[1]);
            if (digest != "") throw new CliException("refusing to create a tag with a digest reference");
            if (tag == "") tag = "latest";
        }
        var query = new Query().Add("container", arguments[0]).Add("repo", name).Add("tag", tag).Add("comment", message.Value).Add("author", author.Value).AddAll("changes", change.Values);
        if (!pause) query.Add("pause", "0");
        // The empty configuration leaves everything as the container has it.
        var made = await cli.Api.PostAsync($"/commit{query}", new ContainerConfig(), DockerApiJson.Default.ContainerConfig, DockerApiJson.Default.IdResponse, cancellationToken);
        await cli.Out.WriteLineAsync(made.Id);
        return 0;
    }
}
