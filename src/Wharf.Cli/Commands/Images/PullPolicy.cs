using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary>When an image is pulled: docker's policies, and podman's <c>newer</c>.</summary>
internal static class PullPolicy
{
    public const string Always = "always", Missing = "missing", Never = "never", Newer = "newer";
    public static readonly string[] All = [Always, Missing, Never, Newer];

    public static StringFlag Add(FlagSet flags) => flags.String("pull", "When to pull the image (\"always\", \"missing\", \"never\", \"newer\")", Missing);

    public static void Check(string policy, string flag = "pull")
    {
        // In docker's words, which knows three.
        if (!All.Contains(policy)) throw new CliException($"invalid {flag} option: '{policy}': must be one of \"always\", \"missing\" or \"never\"", 125);
    }

    /// <summary>Pulls where the policy asks for it. With <c>newer</c>, an image that is here will do where the registry does not answer, of which a line is told.</summary>
    public static async Task ApplyAsync(CliContext cli, string policy, string image, string platform, TextWriter? output, int descriptor, CancellationToken cancellationToken)
    {
        if (policy == Never) return;
        bool isHere = policy != Always && await IsHereAsync(cli, image, cancellationToken, platform);
        if (isHere && policy == Missing) return;
        try
        {
            if (isHere && !await IsOtherThereAsync(cli, image, image, cancellationToken)) return;
            await ImagePull.RunAsync(cli, image, platform, isAllTags: false, output, descriptor, cancellationToken);
        }
        catch (CliException e) when (isHere && e is not ConnectException)
        {
            await cli.Error.WriteLineAsync($"WARNING: {image} was not looked for at its registry, the one that is here is used: {e.Message}");
        }
    }

    public static async Task<bool> IsHereAsync(CliContext cli, string image, CancellationToken cancellationToken, string platform = "")
    {
        try
        {
            await cli.Api.GetBytesAsync($"/images/{Reference.Escape(image)}/json{new Query().Add("platform", platform == "" ? null : Platform.ToJson(platform, $"invalid platform {platform}"))}", cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return false;
        }
    }

    /// <summary>Whether the registry's digest of a name is none that the image is known by. Nothing is downloaded for it, and no times are compared: they lie too easily.</summary>
    public static async Task<bool> IsOtherThereAsync(CliContext cli, string name, string id, CancellationToken cancellationToken)
    {
        var header = await new Credentials(cli.Config).HeaderAsync(Reference.Registry(name), cancellationToken);
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/distribution/{Reference.Escape(Reference.WithTag(name))}/json") { Headers = [new("X-Registry-Auth", header)] }, cancellationToken);
        var there = DockerClient.Read(await response.ReadAllAsync(cancellationToken), DockerApiJson.Default.DistributionInspect).Descriptor?.Digest.ToString();
        var here = await cli.Api.GetAsync($"/images/{Reference.Escape(id)}/json", DockerApiJson.Default.ImageInspect, cancellationToken);
        return here.RepoDigests?.Any(digest => digest.EndsWith("@" + there, StringComparison.Ordinal)) != true;
    }
}
