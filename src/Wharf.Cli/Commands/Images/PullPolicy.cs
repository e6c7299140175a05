using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>--pull</c> of what makes containers, and whether an image is there.</summary>
internal static class PullPolicy
{
    public static StringFlag Add(FlagSet flags) => flags.String("pull", "When to pull the image (\"always\", \"missing\", \"never\")", "missing");

    public static void Check(string policy)
    {
        if (policy is not ("always" or "missing" or "never")) throw new CliException($"invalid pull option: '{policy}': must be one of \"always\", \"missing\" or \"never\"", 125);
    }

    public static async Task<bool> IsHereAsync(CliContext cli, string image, CancellationToken cancellationToken)
    {
        try
        {
            await cli.Api.GetBytesAsync($"/images/{Reference.Escape(image)}/json", cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return false;
        }
    }
}
