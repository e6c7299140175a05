using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf pull</c>.</summary>
internal sealed class PullCommand : Command
{
    private readonly BoolFlag allTags, quiet, isUntrusted;
    private readonly StringFlag platform, policy;
    private readonly RetryFlags retry;

    public PullCommand()
    {
        allTags = Flags.Bool("all-tags", 'a', "Every tag of the repository");
        isUntrusted = ContentTrust.Add(Flags, "Do not verify the image's signature");
        platform = Flags.String("platform", "Platform, if the image has more than one", Platform.OfEnvironment);
        policy = Flags.String("policy", "When to pull (\"always\", \"missing\", \"never\", \"newer\")", PullPolicy.Always);
        quiet = Flags.Bool("quiet", 'q', "Do not show the progress");
        retry = new RetryFlags(Flags);
    }

    public override string Usage => "[OPTIONS] NAME[:TAG|@DIGEST]";
    public override string Details => $"Or from a directory or an archive: {TransportPlace.Forms}.";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        ContentTrust.Check(isUntrusted);
        PullPolicy.Check(policy.Value, "policy");
        var name = arguments[0];
        if (TransportPlace.Is(name))
        {
            if (allTags) throw new CliException("--all-tags/-a is for registries");
            if (policy.Value != PullPolicy.Always) throw new CliException($"--policy {policy.Value} is for registries");
            await TransportPlace.PullAsync(cli, name, platform.Value, quiet, cancellationToken);
            return 0;
        }
        Reference.Check(name);
        var (_, tag, digest) = Reference.Split(name);
        if (allTags && policy.Value != PullPolicy.Always) throw new CliException("--policy can't be used with --all-tags/-a");
        if (allTags && (tag != "" || digest != "")) throw new CliException("tag can't be used with --all-tags/-a");
        if (!allTags && tag == "" && digest == "")
        {
            name = Reference.WithTag(name);
            if (!quiet) await cli.Out.WriteLineAsync("Using default tag: latest");
        }
        await retry.RunAsync(cli, () => PullAsync(cli, name, cancellationToken), cancellationToken);
        await cli.Out.WriteLineAsync(Reference.InFull(name));
        return 0;
    }

    private async Task PullAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var output = quiet ? null : cli.Out;
        if (policy.Value == PullPolicy.Always) await ImagePull.RunAsync(cli, name, platform.Value, allTags, output, 1, cancellationToken);
        else if (policy.Value != PullPolicy.Never) await PullPolicy.ApplyAsync(cli, policy.Value, name, platform.Value, output, 1, cancellationToken);
        else if (!await PullPolicy.IsHereAsync(cli, name, cancellationToken, platform.Value)) throw new CliException($"{name} is not here, and is not to be pulled");
    }
}
