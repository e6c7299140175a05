using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Output;
using Wharf.Cli.Recipes;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Updates;

/// <summary><c>wharf auto-update</c>: running containers that ask for it, put on the newest image of their name.</summary>
internal sealed class AutoUpdateCommand : Command
{
    private readonly BoolFlag dryRun, rollback;
    private readonly StringFlag format;
    private readonly DurationFlag settling, patience;
    private readonly Dictionary<string, string?> pulled = [];

    public AutoUpdateCommand()
    {
        dryRun = Flags.Bool("dry-run", "Only look for newer images");
        format = Flags.AddFormat();
        patience = Flags.Add(new DurationFlag("health-timeout", '\0', "How long a container may take to become healthy; 0 for five minutes") { DefaultText = "5m" });
        rollback = Flags.Bool("rollback", "Go back to the former container when the new one does not run", initial: true);
        settling = Flags.Add(new DurationFlag("settle", '\0', "How long a container without a health check has to stay up; 0 for three seconds") { DefaultText = "3s" });
    }

    public override string Usage => "[OPTIONS]";
    public override string Details => """
        Looks at running containers with the label wharf.auto-update. Its value says where newer images
        are: "registry" pulls the image's name, "local" takes what has that name here. A container whose
        image is another now is made anew: same name, configuration, networks, ports and volumes. Exits
        with 1 when one of them failed or was rolled back.
        """;
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().AddFilters([$"label={UpdatePolicy.Label}", "status=running"]);
        var containers = await cli.Api.GetAsync($"/containers/json{query}", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        var defaults = await RecipeReader.DefaultsAsync(cli, cancellationToken);
        var results = new List<UpdateResult>();
        foreach (var summary in containers.OrderBy(ContainerNaming.Of, StringComparer.Ordinal))
        {
            try
            {
                results.Add(await UpdateAsync(cli, await RecipeReader.InspectAsync(cli, summary.Id!, cancellationToken), defaults, cancellationToken));
            }
            catch (CliException e) when (e is not ConnectException)
            {
                results.Add(new UpdateResult(ContainerNaming.Of(summary), summary.Image ?? "", summary.Labels?.GetValueOrDefault(UpdatePolicy.Label) ?? "", UpdateResult.Failed, e is ApiException api ? api.DaemonMessage : e.Message));
            }
        }
        await cli.Out.WriteAsync(Table.Render(format.Value == "" ? "table" : format.Value, isQuiet: false, results));
        foreach (var result in results.Where(result => result.Detail != "")) await cli.Error.WriteLineAsync($"{result.Container}: {result.Detail}");
        return results.Any(result => result.IsFailure) ? 1 : 0;
    }

    private async Task<UpdateResult> UpdateAsync(CliContext cli, ContainerInspectResponse container, DaemonDefaults defaults, CancellationToken cancellationToken)
    {
        var (name, image, policy) = (ContainerNaming.Of(container), container.Config?.Image ?? "", container.Config?.Labels?.GetValueOrDefault(UpdatePolicy.Label) ?? "");
        UpdateResult Result(string outcome, string detail = "") => new(name, image, policy, outcome, detail);
        if (policy is not (UpdatePolicy.Registry or UpdatePolicy.Local)) return Result(UpdateResult.Failed, $"{UpdatePolicy.Label} must be {UpdatePolicy.Registry} or {UpdatePolicy.Local}");
        if (image.StartsWith("sha256:", StringComparison.Ordinal) || image.Contains('@')) return Result(UpdateResult.UpToDate);
        if (policy == UpdatePolicy.Registry && dryRun) return Result(await PullPolicy.IsOtherThereAsync(cli, image, container.Image!, cancellationToken) ? UpdateResult.Pending : UpdateResult.UpToDate);
        if (policy == UpdatePolicy.Registry) await PullOnceAsync(cli, image, cancellationToken);
        var newest = await cli.Api.GetAsync($"/images/{Reference.Escape(image)}/json", DockerApiJson.Default.ImageInspect, cancellationToken);
        if (newest.Id == container.Image) return Result(UpdateResult.UpToDate);
        if (dryRun) return Result(UpdateResult.Pending);
        if (container.HostConfig?.AutoRemove == true) return Result(UpdateResult.Failed, "a container that removes itself (--rm) has nothing to go back to");
        var update = new ContainerUpdate(cli, Or(settling, TimeSpan.FromSeconds(3)), Or(patience, TimeSpan.FromMinutes(5)));
        if (await update.RunAsync(container, defaults, rollback, cancellationToken) is not { } failure) return Result(UpdateResult.Updated);
        if (!rollback) return Result(UpdateResult.Failed, failure);
        if (policy == UpdatePolicy.Registry) await GiveNameBackAsync(cli, image, container.Image!, cancellationToken);
        return Result(UpdateResult.RolledBack, failure);
    }

    private static TimeSpan Or(DurationFlag flag, TimeSpan otherwise) => flag.Nanoseconds == 0 ? otherwise : TimeSpan.FromTicks(flag.Nanoseconds / 100);

    /// <summary>Several containers of one image cost one pull, and share its failure.</summary>
    private async Task PullOnceAsync(CliContext cli, string image, CancellationToken cancellationToken)
    {
        if (!pulled.TryGetValue(image, out var failure))
        {
            try
            {
                await ImagePull.RunAsync(cli, image, "", isAllTags: false, null, 2, cancellationToken);
            }
            catch (CliException e) when (e is not ConnectException)
            {
                failure = e is ApiException api ? api.DaemonMessage : e.Message;
            }
            pulled[image] = failure;
        }
        if (failure is not null) throw new CliException(failure);
    }

    /// <summary>The image's name means again what runs, as before the pull.</summary>
    private static async Task GiveNameBackAsync(CliContext cli, string image, string id, CancellationToken cancellationToken)
    {
        var (repository, tag, _) = Reference.Split(Reference.WithTag(image));
        await cli.Api.PostAsync($"/images/{Reference.Escape(id)}/tag{new Query().Add("repo", repository).Add("tag", tag)}", cancellationToken);
    }

    private static Listing<UpdateResult> Table { get; } = new()
    {
        TypeName = "*formatter.updateContext",
        TableFormat = "{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}",
        Columns =
        [
            new("Container", "CONTAINER", row => row.Container), new("Image", "IMAGE", row => row.Image), new("Policy", "POLICY", row => row.Policy),
            new("Updated", "UPDATED", row => row.Outcome), new("Detail", "DETAIL", row => row.Detail),
        ],
    };
}
