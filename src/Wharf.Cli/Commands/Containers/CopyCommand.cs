using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Copying;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf cp</c>, in both directions and with <c>-</c> for a tar archive.</summary>
internal sealed class CopyCommand : Command
{
    private readonly BoolFlag archive, followLink, quiet;

    public CopyCommand()
    {
        archive = Flags.Bool("archive", 'a', "Keep every uid and gid");
        followLink = Flags.Bool("follow-link", 'L', "Follow a symbolic link in SRC_PATH");
        quiet = Flags.Bool("quiet", 'q', "Do not report; so without a terminal too");
    }

    public override string Usage => "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH";
    public override string Details => "'-' as source reads a tar archive from stdin and unpacks it into a directory of the container.\n'-' as destination writes a tar archive of the source to stdout.";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0] == "") throw new CliException("source can not be empty");
        if (arguments[1] == "") throw new CliException("destination can not be empty");
        var (sourceContainer, source) = Split(arguments[0]);
        var (targetContainer, target) = Split(arguments[1]);
        if (sourceContainer is not null && targetContainer is not null) throw new CliException("copying between containers is not supported");
        if (sourceContainer is null && targetContainer is null) throw new CliException("must specify at least one container source");
        var copied = sourceContainer is not null
            ? await CopyOutAsync(cli, sourceContainer, source, target, cancellationToken)
            : await CopyInAsync(cli, targetContainer!, source, target, cancellationToken);
        var isQuiet = quiet.Changed ? quiet.Value : !Terminal.IsTerminal(1);
        if (!isQuiet && copied is { } bytes) await cli.Error.WriteLineAsync($"Successfully copied {Units.TableSize(bytes)} to {(targetContainer is null ? "" : targetContainer + ":")}{target}");
        return 0;
    }

    /// <summary>A path that is absolute or begins with a dot is here; else what stands before a colon is a container.</summary>
    internal static (string? Container, string Path) Split(string text)
    {
        if (text[0] is '/' or '.') return (null, text);
        var colon = text.IndexOf(':');
        return colon <= 0 || text[..colon].Contains('/') ? (null, text) : (text[..colon], text[(colon + 1)..]);
    }

    private async Task<long?> CopyOutAsync(CliContext cli, string container, string source, string target, CancellationToken cancellationToken)
    {
        var client = new ArchiveClient(cli.Api, container);
        if (source == "") source = "/";
        var local = target == "-" ? null : CopyTarget.Local(target);
        string? rebaseName = null;
        if (followLink && await client.StatAsync(source, cancellationToken) is { IsSymbolicLink: true } link)
        {
            (source, rebaseName) = CopyPath.FollowLink(source, link.LinkTarget);
        }
        await using var response = await client.GetAsync(source, cancellationToken);
        if (local is null)
        {
            await response.Body.CopyToAsync(cli.OutputStream, cancellationToken);
            return null;
        }
        var stat = PathStat.FromHeader(response.Head) ?? throw new IOException("unable to get location stat from response");
        var plan = CopyPlan.Make(new CopySource(source, stat.IsDirectory, rebaseName), local);
        var counted = new CountingStream(response.Body);
        await new LocalExtraction(plan).RunAsync(counted, cancellationToken);
        // What follows the archive's end in the last block is padding; read it so that the connection stays usable.
        await counted.CopyToAsync(Stream.Null, cancellationToken);
        return counted.Count;
    }

    private async Task<long?> CopyInAsync(CliContext cli, string container, string source, string target, CancellationToken cancellationToken)
    {
        var client = new ArchiveClient(cli.Api, container);
        var destination = await client.ResolveTargetAsync(target == "" ? "/" : target, cancellationToken);
        if (source == "-")
        {
            if (!destination.IsDirectory) throw new CliException($"destination \"{container}:{target}\" must be a directory");
            var input = new CountingStream(cli.InputStream);
            await client.PutAsync(destination.Path, input, archive, cancellationToken);
            return input.Count;
        }
        var local = LocalSource.Read(source, followLink);
        var plan = CopyPlan.Make(local.Source, destination);
        var pipe = new System.IO.Pipelines.Pipe();
        var counted = new CountingStream(pipe.Reader.AsStream());
        var packing = local.PackAsync(pipe.Writer, plan, cancellationToken);
        try
        {
            await client.PutAsync(plan.Directory, counted, archive, cancellationToken);
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
        }
        await packing;
        return counted.Count;
    }
}
