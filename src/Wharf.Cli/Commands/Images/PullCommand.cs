using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf pull</c>.</summary>
internal sealed class PullCommand : Command
{
    private readonly BoolFlag allTags, quiet, isUntrusted;
    private readonly StringFlag platform;

    public PullCommand()
    {
        allTags = Flags.Bool("all-tags", 'a', "Every tag of the repository");
        isUntrusted = ContentTrust.Add(Flags, "Do not verify the image's signature");
        platform = Flags.String("platform", "Platform, if the image has more than one", Platform.OfEnvironment);
        quiet = Flags.Bool("quiet", 'q', "Do not show the progress");
    }

    public override string Usage => "[OPTIONS] NAME[:TAG|@DIGEST]";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        ContentTrust.Check(isUntrusted);
        var name = arguments[0];
        Reference.Check(name);
        var (_, tag, digest) = Reference.Split(name);
        if (allTags && (tag != "" || digest != "")) throw new CliException("tag can't be used with --all-tags/-a");
        if (!allTags && tag == "" && digest == "")
        {
            name = Reference.WithTag(name);
            if (!quiet) await cli.Out.WriteLineAsync("Using default tag: latest");
        }
        await ImagePull.RunAsync(cli, name, platform.Value, allTags, quiet ? null : cli.Out, 1, cancellationToken);
        await cli.Out.WriteLineAsync(Reference.InFull(name));
        return 0;
    }
}
