using System.Formats.Tar;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Artifacts;

/// <summary><c>wharf artifact add</c>.</summary>
internal sealed class ArtifactAddCommand : Command
{
    private readonly MapFlag annotation;
    private readonly BoolFlag append, replace;
    private readonly StringFlag fileType, subject, type;

    public ArtifactAddCommand()
    {
        annotation = Flags.Map("annotation", "Annotation on each of the files");
        append = Flags.Bool("append", 'a', "Add the files to an artifact that is there");
        fileType = Flags.String("file-type", "Media type of the files");
        replace = Flags.Bool("replace", "Take the place of an artifact that is there");
        subject = Flags.String("subject", "The image or artifact of a registry that it is about: it becomes one of its referrers");
        type = Flags.String("type", "Media type that tells what kind of artifact it is");
    }

    public override string Usage => "[OPTIONS] NAME FILE [FILE...]";
    public override int MinArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        Reference.Check(arguments[0]);
        foreach (var path in arguments.Skip(1))
            if (!File.Exists(path)) throw new CliException(Directory.Exists(path) ? $"{path} is a directory" : $"open {path}: no such file or directory");
        var query = new Query().Add("name", arguments[0]).Add("type", type.Value).Add("fileType", fileType.Value).Add("subject", subject.Value).Add("append", append).Add("replace", replace)
            .AddAll("annotation", annotation.Values.Select(static pair => $"{pair.Key}={pair.Value}"));
        var request = new ApiRequest("POST", $"/wharf/artifacts{query}") { Headers = [new("Content-Type", "application/x-tar")] };
        if (subject.Value != "")
        {
            Reference.Check(subject.Value);
            request = request with { Headers = [.. request.Headers, new("X-Registry-Auth", await new Credentials(cli.Config).HeaderAsync(Reference.Registry(subject.Value), cancellationToken))] };
        }
        await using var response = await PipedBody.SendAsync(cli.Api, request, (output, stop) => WriteAsync(output, arguments.Skip(1), stop), null, cancellationToken);
        await cli.Out.WriteLineAsync(DockerClient.Read(await response.ReadAllAsync(cancellationToken), WharfJson.Default.Artifact).Digest);
        return 0;
    }

    /// <summary>Names and bytes alone: who has a file, and since when, is nothing of the artifact's.</summary>
    private static async Task WriteAsync(Stream output, IEnumerable<string> paths, CancellationToken cancellationToken)
    {
        await using var writer = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        foreach (var path in paths)
        {
            await using var file = File.OpenRead(path);
            await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, Path.GetFileName(path)) { DataStream = file }, cancellationToken);
        }
    }
}
