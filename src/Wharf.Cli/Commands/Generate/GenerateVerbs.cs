using Wharf.Cli.CommandLine;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Generate;

/// <summary>The verbs of <c>generate</c>.</summary>
internal static class GenerateVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("compose", "Print containers as a compose file", () => new GenerateComposeCommand()),
        Verb("kube", "Print containers as a Kubernetes pod", () => new GenerateKubeCommand()),
        Verb("run", "Print the run command of containers", () => new GenerateRunCommand()),
        Verb("systemd", "Print containers as systemd services", () => new GenerateSystemdCommand()),
    ];
}
