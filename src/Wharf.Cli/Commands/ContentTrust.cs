using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>
/// <c>--disable-content-trust</c> and DOCKER_CONTENT_TRUST. No notary is asked: who wants signatures verified gets an error, and not an image that nobody looked at.
/// </summary>
internal static class ContentTrust
{
    public static BoolFlag Add(FlagSet flags, string help) => flags.Bool("disable-content-trust", help, initial: !IsWanted);

    private static bool IsWanted => Specs.GoSyntax.Bool(Environment.GetEnvironmentVariable("DOCKER_CONTENT_TRUST")) == true;

    public static void Check(BoolFlag isDisabled)
    {
        if (!isDisabled) throw new CliException("content trust: signatures of a notary are not supported; pass --disable-content-trust or unset DOCKER_CONTENT_TRUST");
    }
}
