using System.Security.Cryptography;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Cli.Commands.Artifacts;

/// <summary><c>wharf artifact extract</c>.</summary>
internal sealed class ArtifactExtractCommand : Command
{
    private readonly StringFlag digest, title;

    public ArtifactExtractCommand()
    {
        digest = Flags.String("digest", "Only the file with this digest");
        title = Flags.String("title", "Only the file with this title");
    }

    public override string Usage => "[OPTIONS] ARTIFACT PATH";
    public override string Details => "PATH is a directory, in which files get their titles as names; or, of one file, the file to write.";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (digest.Value != "" && title.Value != "") throw new CliException("--digest and --title exclude each other");
        var artifact = await cli.Api.GetAsync($"{ArtifactVerbs.PathOf(arguments[0])}/json", WharfJson.Default.Artifact, cancellationToken);
        var files = Select(artifact);
        var target = arguments[1];
        if (!Directory.Exists(target))
        {
            if (files.Count > 1) throw new CliException($"{artifact.Name} has {files.Count} files: {target} must be a directory, or choose one by --title or --digest");
            await WriteAsync(cli, artifact, files[0], target, cancellationToken);
            return 0;
        }
        // All names are looked at before the first file is written.
        var paths = files.ConvertAll(file => Path.Combine(target, NameOf(file)));
        if (paths.Distinct(StringComparer.Ordinal).Count() < paths.Count) throw new CliException($"{artifact.Name} has files of the same title: choose one by --digest");
        for (int i = 0; i < files.Count; i++) await WriteAsync(cli, artifact, files[i], paths[i], cancellationToken);
        return 0;
    }

    private List<Descriptor> Select(Artifact artifact)
    {
        var files = ArtifactFiles.Select(artifact.Manifest, digest.Value, title.Value);
        return files.Count > 0 ? files : throw new CliException($"{artifact.Name} has no such file");
    }

    /// <summary>The title is a stranger's word: it names a file in the directory that was said, or nothing is written.</summary>
    private static string NameOf(Descriptor file)
    {
        var name = ArtifactFiles.NameOf(file);
        return ArtifactFiles.IsName(name) ? name : throw new CliException($"{Output.Quoting.Quote(name)} is no name for a file: choose it by --digest and say which file to write");
    }

    private static async Task WriteAsync(CliContext cli, Artifact artifact, Descriptor file, string path, CancellationToken cancellationToken)
    {
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"{ArtifactVerbs.PathOf(artifact.Name)}/blobs/{file.Digest}"), cancellationToken);
        await OutputFile.WriteAsync(cli, path, "extract", async output =>
        {
            using var hash = IncrementalHash.CreateHash(file.Digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
            var buffer = new byte[128 << 10];
            for (int count; (count = await response.Body.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                hash.AppendData(buffer, 0, count);
                await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            }
            if (Convert.ToHexStringLower(hash.GetHashAndReset()) != file.Digest.Hex) throw new CliException($"{file.Digest}: other bytes came than the digest says");
        });
    }
}
