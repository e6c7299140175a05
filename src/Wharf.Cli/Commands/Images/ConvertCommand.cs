using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image convert</c>.</summary>
internal sealed class ConvertCommand : Command
{
    private readonly BoolFlag docker, oci;
    private readonly StringFlag compress, platform;

    public ConvertCommand()
    {
        compress = Flags.String("compress", "How layers are packed (\"gzip\", \"zstd\", \"none\")", "gzip");
        docker = Flags.Bool("docker", "Docker's media types");
        oci = Flags.Bool("oci", "OCI's media types, which is the default");
        platform = Flags.String("platform", "Platform, if the image has more than one (os[/arch[/variant]])");
    }

    public override string Usage => "[OPTIONS] IMAGE NAME[:TAG]";
    public override string Details => "NAME is the same image; a push of it, or of what is tagged from it, sends the form that was chosen.";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (oci && docker) throw new CliException("--oci and --docker exclude each other");
        Reference.Check(arguments[1]);
        var query = new Query().Add("to", arguments[1]).Add("compression", compress.Value).Add("types", docker ? "docker" : "oci").Add("platform", Platform.ToJson(platform.Value, "invalid platform: "));
        var converted = await cli.Api.PostAsync($"/wharf/images/{Reference.Escape(arguments[0])}/convert{query}", WharfJson.Default.ConvertedImage, cancellationToken);
        await cli.Out.WriteLineAsync(converted.Digest);
        return 0;
    }
}
