using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>What a daemon gives a container that does not ask for anything else, as its info tells.</summary>
internal sealed record DaemonDefaults(string LogDriver, string Runtime, bool IsCgroupV2)
{
    public static DaemonDefaults Of(SystemInfo info) => new(info.LoggingDriver ?? "json-file", info.DefaultRuntime ?? "runc", info.CgroupVersion == "2");
}
