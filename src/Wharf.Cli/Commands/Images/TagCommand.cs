using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf tag</c>.</summary>
internal sealed class TagCommand : Command
{
    public override string Usage => "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        try
        {
            Reference.Check(arguments[1]);
        }
        catch (CliException e)
        {
            throw new CliException($"Error parsing reference: {Quoting.Quote(arguments[1])} is not a valid repository/tag: {e.Message}", 1, e);
        }
        var (name, tag, digest) = Reference.Split(arguments[1]);
        if (digest != "") throw new CliException("refusing to create a tag with a digest reference");
        await cli.Api.PostAsync($"/images/{Reference.Escape(arguments[0])}/tag{new Query().Add("repo", name).Add("tag", tag == "" ? "latest" : tag)}", cancellationToken);
        return 0;
    }
}
