using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>Every command by name. Verbs are made only when called.</summary>
internal static class Catalog
{
    private const string Common = "Common Commands", Management = "Management Commands", Plain = "Commands";

    public static CommandEntry Root { get; } = new("", "A container engine in C# that speaks Docker's API")
    {
        Children =
        [
            ContainerVerbs.Run.In(Common), ContainerVerbs.Exec.In(Common), ContainerVerbs.List.As("ps", []).In(Common), ImageVerbs.Build.In(Common), ImageVerbs.Pull.In(Common), ImageVerbs.Push.In(Common),
            ImageVerbs.List.As("images", []).In(Common),
            Verb("login", "Log in to a registry", () => new Systems.LoginCommand()).In(Common),
            Verb("logout", "Log out of a registry", () => new Systems.LogoutCommand()).In(Common),
            Verb("search", "Search a registry for images", () => new Systems.SearchCommand()).In(Common),
            Verb("version", "Show the versions of client and daemon", () => new Systems.VersionCommand()).In(Common),
            SystemVerbs.Info.In(Common),
            Noun("artifact", "Manage OCI artifacts", Artifacts.ArtifactVerbs.All),
            Noun("builder", "Manage builds", ImageVerbs.Build, Verb("prune", "Remove the build cache", () => new Systems.BuilderPruneCommand()), CacheMountVerbs.Noun),
            Noun("container", "Manage containers", ContainerVerbs.All),
            Noun("context", "Manage contexts", ContextVerbs.All),
            Noun("farm", "Manage farms: engines that build together", Farms.FarmVerbs.All),
            Noun("generate", "Print containers in other forms", Generate.GenerateVerbs.All),
            Noun("healthcheck", "Check the health of containers", ContainerVerbs.CheckHealth),
            Noun("image", "Manage images", ImageVerbs.All),
            Noun("job", "Manage jobs", Jobs.JobVerbs.All),
            Noun("kube", "Run and print pods as Kubernetes files have them", Kube.KubeVerbs.All),
            Noun("manifest", "Manage manifests and manifest lists", ManifestVerbs.All),
            Noun("network", "Manage networks", NetworkVerbs.All),
            Noun("play", "Run pods of files", Kube.KubeVerbs.Play),
            Noun("pod", "Manage pods", Pods.PodVerbs.All),
            Noun("secret", "Manage secrets of containers", Secrets.SecretVerbs.All),
            Noun("system", "Manage the engine", SystemVerbs.All),
            Noun("volume", "Manage volumes", VolumeVerbs.All),
            ContainerVerbs.Attach,
            Verb("auto-update", "Put containers that ask for it on the newest image of their name", () => new Updates.AutoUpdateCommand()),
            ContainerVerbs.Commit,
            Verb("completion", "Write a completion script for a shell", () => new Systems.CompletionCommand()),
            Verb("debug", "Run tools from an image of their own in a container", () => new Debugging.DebugCommand()),
            Verb("doctor", "Check this machine for what the engine needs", () => new Doctor.DoctorCommand()),
            ContainerVerbs.Copy, ContainerVerbs.Create, ContainerVerbs.Diff, SystemVerbs.Events, ContainerVerbs.Export, ImageVerbs.History, ImageVerbs.Import,
            Verb("inspect", "Show all there is to know of objects", () => new Systems.InspectCommand()),
            ContainerVerbs.Kill, ImageVerbs.Load, ContainerVerbs.Logs, ContainerVerbs.Mount, ContainerVerbs.Pause, ContainerVerbs.Port, ContainerVerbs.Rename, ContainerVerbs.Restart, ContainerVerbs.Remove.As("rm", []),
            ImageVerbs.Remove.As("rmi", []), ContainerVerbs.RollBack, ImageVerbs.Save, ContainerVerbs.Snapshot, ContainerVerbs.Start, ContainerVerbs.Stats, ContainerVerbs.Stop, ImageVerbs.Tag, ContainerVerbs.Top, ContainerVerbs.Unmount, ContainerVerbs.Unpause, ContainerVerbs.Update, ContainerVerbs.Versions, ContainerVerbs.Wait,
        ],
    };

    internal static CommandEntry Verb(string name, string summary, Func<Command> create, params string[] spellings) => new(name, summary) { Create = create, Spellings = spellings, Group = Plain };

    internal static CommandEntry Noun(string name, string summary, params IReadOnlyList<CommandEntry> verbs) => new(name, summary) { Children = verbs, Group = Management };

    internal static CommandEntry As(this CommandEntry entry, string name, IReadOnlyList<string> aliases) => entry with { Name = name, Aliases = aliases };
    internal static CommandEntry In(this CommandEntry entry, string group) => entry with { Group = group };
}
