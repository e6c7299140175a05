using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>Every command by name. Verbs are made only when called.</summary>
internal static class Catalog
{
    public static CommandEntry Root { get; } = new("", "A container engine in C# that speaks Docker's API")
    {
        Children =
        [
            new CommandEntry("version", "Show the versions of client and daemon") { Create = () => new System.VersionCommand(), Group = "Common Commands" },
        ],
    };
}
