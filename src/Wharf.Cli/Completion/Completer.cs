using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Cli.Plugins;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Completion;

/// <summary>Finds what may stand where the cursor is: a command, a flag, a flag's value, or the name of a live object. One candidate a line, with a note after a tab; <c>:files</c> asks the shell for paths.</summary>
internal sealed class Completer(CliContext cli)
{
    private const string Files = ":files";

    public async Task<IReadOnlyList<string>> FindAsync(IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        var current = words.Count == 0 ? "" : words[^1];
        var (entry, path, rest) = Descend([.. words.SkipLast(1)]);
        var flags = entry.Create?.Invoke().Flags ?? (entry == Catalog.Root ? cli.Options.Flags : new FlagSet());
        if (rest.Count > 0 && Expecting(rest[^1], flags) is { } flag) return await ValuesAsync(flag, cancellationToken);
        if (current.StartsWith('-')) return [.. FlagNames(flags)];
        if (entry.Create is null)
        {
            var children = entry.Children.Where(child => !child.IsHidden).Select(child => $"{child.Name}\t{child.Summary}");
            return [.. children, .. entry == Catalog.Root ? CliPlugin.Names(cli.Config) : []];
        }
        return await ArgumentsAsync(path, rest.Count(word => !word.StartsWith('-')), current, cancellationToken);
    }

    /// <summary>Walks the words to the command they name; what is left are its flags and arguments.</summary>
    private (CommandEntry Entry, string Path, List<string> Left) Descend(List<string> words)
    {
        var (entry, path) = (Catalog.Root, "");
        for (int i = 0; i < words.Count; i++)
        {
            if (words[i].StartsWith('-'))
            {
                if (entry == Catalog.Root && Expecting(words[i], cli.Options.Flags) is not null)
                {
                    if (i + 1 == words.Count) return (entry, path, [words[i]]);
                    i++;
                }
                continue;
            }
            if (entry.Find(words[i]) is not { } next) return (entry, path, words[i..]);
            (entry, path) = (next, path == "" ? next.Name : $"{path} {next.Name}");
            if (entry.Create is not null) return (entry, path, words[(i + 1)..]);
        }
        return (entry, path, []);
    }

    /// <summary>The flag whose value comes next; null when the word is none, or needs none.</summary>
    private static Flag? Expecting(string word, FlagSet flags) => word.StartsWith('-') && !word.Contains('=')
        ? flags.All.FirstOrDefault(flag => !flag.IsSwitch && (word == "--" + flag.Name || (flag.Shorthand != '\0' && !word.StartsWith("--", StringComparison.Ordinal) && word[^1] == flag.Shorthand))) : null;

    private static IEnumerable<string> FlagNames(FlagSet flags) => flags.All.Where(flag => !flag.Hidden).Select(flag => $"--{flag.Name}\t{flag.Help}").Append("--help\tShow what the command does");

    private async Task<IReadOnlyList<string>> ValuesAsync(Flag flag, CancellationToken cancellationToken) => flag.Name switch
    {
        "network" or "net" => [.. await NetworksAsync(cancellationToken)],
        "volumes-from" => [.. await ContainersAsync(all: true, cancellationToken)],
        "farm" => [.. Farms],
        "context" or "from" => [.. ContextNames, "default"],
        "restart" => ["no", "always", "on-failure", "unless-stopped"],
        "pull" or "policy" => Commands.Images.PullPolicy.All,
        "signal" => ["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"],
        "log-driver" => ["json-file", "local", "k8s-file", "none", "passthrough", "syslog", "journald", "gelf", "fluentd", "splunk", "awslogs", "gcplogs"],
        "pod" => [.. await PodsAsync(cancellationToken)],
        "image" => [.. await ImagesAsync(cancellationToken)],
        "on-unhealthy" => ["none", "restart", "stop", "kill"],
        "color" => ["auto", "always", "never"],
        "log-level" => ["debug", "info", "warn", "error", "fatal"],
        "format" => ["json", "table"],
        "type" => ["container", "image", "network", "volume"],
        "env-file" or "file" or "output" or "cidfile" or "iidfile" or "label-file" or "volume" or "config" or "tlscacert" or "tlscert" or "tlskey" => [Files],
        _ => [],
    };

    private async Task<IReadOnlyList<string>> ArgumentsAsync(string path, int position, string current, CancellationToken cancellationToken)
    {
        var verb = path.StartsWith("container ", StringComparison.Ordinal) ? path["container ".Length..] : path;
        return verb switch
        {
            "attach" or "exec" or "kill" or "pause" or "stop" or "top" or "port" or "stats" or "healthcheck run" when path != "exec" || position == 0 => [.. await ContainersAsync(all: false, cancellationToken)],
            "commit" or "diff" or "exists" or "generate compose" or "generate kube" or "generate run" or "generate systemd" or "export" or "logs" or "rename" or "restart" or "rm" or "rollback" or "snapshot" or "start" or "unpause" or "update" or "versions" or "wait" => [.. await ContainersAsync(all: true, cancellationToken)],
            "debug" when position == 0 => [.. await ContainersAsync(all: true, cancellationToken)],
            "inspect" when path == "container inspect" => [.. await ContainersAsync(all: true, cancellationToken)],
            "inspect" => [.. await ContainersAsync(all: true, cancellationToken), .. await ImagesAsync(cancellationToken), .. await NetworksAsync(cancellationToken), .. await VolumesAsync(cancellationToken)],
            "cp" => [.. (await ContainersAsync(all: true, cancellationToken)).Select(name => name.Split('\t')[0] + ":"), Files],
            "run" or "create" when position == 0 => [.. await ImagesAsync(cancellationToken)],
            "rmi" or "history" or "save" or "push" or "tag" or "image rm" or "image inspect" or "image history" or "image save" or "image push" or "image convert" or "image scp" or "image squash" or "image tag" => [.. await ImagesAsync(cancellationToken)],
            "pull" or "image pull" => [.. await ImagesAsync(cancellationToken), .. await RemoteTagsAsync(current, cancellationToken)],
            "build" or "image build" or "builder build" or "load" or "import" or "image load" or "image import" => [Files],
            "network connect" or "network disconnect" => position == 0 ? [.. await NetworksAsync(cancellationToken)] : [.. await ContainersAsync(all: true, cancellationToken)],
            "network inspect" or "network rm" => [.. await NetworksAsync(cancellationToken)],
            "pod inspect" or "pod rm" or "pod start" or "pod stop" => [.. await PodsAsync(cancellationToken)],
            "job create" when position == 0 => [.. await ImagesAsync(cancellationToken)],
            "job history" or "job inspect" or "job rm" or "job run" => [.. await JobsAsync(cancellationToken)],
            "artifact extract" when position == 1 => [Files],
            "artifact add" when position > 0 => [Files],
            "artifact add" or "artifact extract" or "artifact inspect" or "artifact push" or "artifact rm" => [.. (await Commands.Artifacts.ArtifactVerbs.ListAsync(cli, cancellationToken)).Select(artifact => artifact.Name)],
            "farm rm" or "farm update" => [.. Farms],
            "farm create" when position == 0 => [],
            "farm create" or "system connection default" or "system connection rename" or "system connection rm" => [.. ContextNames],
            "volume inspect" or "volume rm" or "volume update" => [.. await VolumesAsync(cancellationToken)],
            "context use" or "context rm" or "context inspect" or "context export" or "context update" => [.. ContextNames, "default"],
            "completion" => ["bash", "zsh", "fish", "powershell"],
            _ => [],
        };
    }

    private async Task<IEnumerable<string>> ContainersAsync(bool all, CancellationToken cancellationToken) =>
        (await cli.Api.GetAsync(all ? "/containers/json?all=1" : "/containers/json", DockerApiJson.Default.ListContainerSummary, cancellationToken))
            .SelectMany(container => (container.Names ?? []).Select(name => name.TrimStart('/')).Where(name => !name.Contains('/')).Select(name => $"{name}\t{container.Image}, {container.State}"));

    private async Task<IEnumerable<string>> ImagesAsync(CancellationToken cancellationToken) =>
        (await cli.Api.GetAsync("/images/json", DockerApiJson.Default.ListImageSummary, cancellationToken))
            .SelectMany(image => image.RepoTags ?? []).Where(tag => tag != "<none>:<none>").SelectMany(tag => tag.EndsWith(":latest", StringComparison.Ordinal) ? (string[])[tag[..^":latest".Length], tag] : [tag]);

    /// <summary>Once a repository and its colon are there: the tags its registry has. A registry that takes longer than somebody waits at a tab is left alone.</summary>
    private async Task<IEnumerable<string>> RemoteTagsAsync(string current, CancellationToken cancellationToken)
    {
        int colon = current.LastIndexOf(':');
        if (colon <= current.LastIndexOf('/') + 1) return [];
        var repository = current[..colon];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(3));
        try { return (await Commands.Systems.SearchCommand.TagsOfAsync(cli, repository, patience.Token)).Tags.Order(Output.NaturalOrder.Instance).Select(tag => $"{repository}:{tag}"); }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested) { return []; }
    }

    private IEnumerable<string> ContextNames => cli.Options.Contexts.All().Select(context => context.Name);

    private IEnumerable<string> Farms => new Contexts.FarmStore(cli.Config.Directory).Read().Farms.Keys;

    private async Task<IEnumerable<string>> NetworksAsync(CancellationToken cancellationToken) =>
        (await cli.Api.GetAsync("/networks", DockerApiJson.Default.ListNetwork, cancellationToken)).Select(network => $"{network.Name}\t{network.Driver}");

    private async Task<IEnumerable<string>> PodsAsync(CancellationToken cancellationToken) => (await Commands.Pods.Pod.ListAsync(cli, cancellationToken)).Select(pod => $"{pod.Name}\t{pod.Status}");

    private async Task<IEnumerable<string>> JobsAsync(CancellationToken cancellationToken) =>
        (await cli.Api.GetAsync("/wharf/jobs", WharfJson.Default.ListJob, cancellationToken)).Select(job => $"{job.Name}\t{job.Container?.Image}, {job.Schedule}");

    private async Task<IEnumerable<string>> VolumesAsync(CancellationToken cancellationToken) =>
        ((await cli.Api.GetAsync("/volumes", DockerApiJson.Default.VolumeListResponse, cancellationToken)).Volumes ?? []).Select(volume => volume.Name ?? "");
}
