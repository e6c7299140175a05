using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf versions</c>: what can be compared (<c>wharf diff NAME@1 NAME@2</c>) and gone back to (<c>wharf rollback NAME 1</c>).</summary>
internal sealed class VersionsCommand : Command
{
    private readonly StringFlag format, remove;
    private readonly BoolFlag quiet;

    public VersionsCommand()
    {
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only the numbers");
        remove = Flags.String("rm", "Forget this version");
    }

    public override string Usage => "[OPTIONS] CONTAINER";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var path = $"/wharf/containers/{Uri.EscapeDataString(arguments[0])}/versions";
        if (remove.Value != "")
        {
            await using (await cli.Api.SendAsync(new ApiRequest("DELETE", $"{path}/{Uri.EscapeDataString(remove.Value)}"), cancellationToken)) return 0;
        }
        var versions = await cli.Api.GetAsync(path, WharfJson.Default.ListContainerVersion, cancellationToken);
        versions.Reverse();
        await cli.Out.WriteAsync(Listing.Render(format.Value == "" ? "table" : format.Value, quiet, versions));
        return 0;
    }

    private static Listing<ContainerVersion> Listing { get; } = new()
    {
        TypeName = "*formatter.versionContext",
        TableFormat = "{{.Number}}\t{{.CreatedSince}}\t{{.Size}}\t{{.Author}}\t{{.Comment}}",
        QuietFormat = "{{.Number}}",
        Columns =
        [
            new("Number", "VERSION", row => row.Number.ToString(CultureInfo.InvariantCulture)),
            new("CreatedSince", "CREATED", row => Ago.Since(row.Created, DateTimeOffset.UtcNow)),
            new("CreatedAt", "CREATED AT", row => Ago.GoString(row.Created)),
            new("Size", "SIZE", row => Units.HumanSize(row.Size)),
            new("Author", "AUTHOR", row => row.Author),
            new("Comment", "COMMENT", row => row.Comment),
        ],
    };
}
