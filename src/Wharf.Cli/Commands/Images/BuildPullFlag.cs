using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>build --pull</c>: a switch, as docker has it, that takes podman's policies as well.</summary>
internal sealed class BuildPullFlag() : Flag("pull", '\0', "", "Look for newer base images (or \"always\", \"missing\", \"never\", \"newer\": --pull=newer)")
{
    private readonly BoolFlag isAlways = new("pull", '\0', "");

    public string Policy { get; private set; } = PullPolicy.Missing;
    public override bool IsSwitch => true;

    protected override void Accept(string text)
    {
        if (PullPolicy.All.Contains(text)) Policy = text;
        else
        {
            isAlways.Set(text);
            Policy = isAlways ? PullPolicy.Always : PullPolicy.Missing;
        }
    }
}
