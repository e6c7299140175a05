using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Commands.Pods;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>Creates a container and pulls its image when it is not there: shared by run and create.</summary>
internal sealed class ContainerCreation
{
    private readonly ContainerFlags container;
    private readonly StringFlag pull, platform, pod;
    private readonly BoolFlag quiet, replace;

    private readonly bool startsPod;

    /// <param name="startsPod">Whether the container will be started at once, for which its pod has to be up.</param>
    public ContainerCreation(FlagSet flags, bool startsPod)
    {
        this.startsPod = startsPod;
        container = new ContainerFlags(flags);
        pull = PullPolicy.Add(flags);
        pod = flags.String("pod", "Pod whose network, IPC namespace and host name it is to share");
        platform = flags.String("platform", "Platform, if the daemon has more than one", Platform.OfEnvironment);
        quiet = flags.Bool("quiet", 'q', "Do not show the pull");
        replace = flags.Bool("replace", "Take the place of the container that has this name");
    }

    public ContainerFlags Container => container;

    /// <summary>The request of a command line; what is wrong with its flags is told here.</summary>
    public ContainerCreateRequest Build(CliContext cli, IReadOnlyList<string> arguments)
    {
        PullPolicy.Check(pull.Value);
        return Container.Build(arguments, cli.Api.Host.SocketPath ?? "", cli.Config, cli.Api.Host.Text);
    }

    public async Task<ContainerCreateResponse> CreateAsync(CliContext cli, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        ContentTrust.Check(container.IsUntrusted);
        if (!Platform.IsValid(platform.Value)) throw new CliException($"error parsing specified platform: {Output.Quoting.Quote(platform.Value)}: cannot parse platform specifier: invalid argument");
        if (replace && container.Name == "") throw new CliException("cannot replace a container without --name");
        if (container.CidFile is { Length: > 0 } file && Path.Exists(file)) throw new CliException($"container ID file found, make sure the other container isn't running or delete {file}");
        using var idFile = container.CidFile == "" ? null : IdFile.Open(container.CidFile);
        var image = request.Image ?? "";
        if (image == "") throw new CliException("invalid reference format");
        if (!IsId(image)) Reference.Check(image);
        // What is missing the daemon tells.
        if (pull.Value is PullPolicy.Always or PullPolicy.Newer) await PullPolicy.ApplyAsync(cli, pull.Value, image, platform.Value, quiet ? null : cli.Error, 2, cancellationToken);
        if (pod.Value != "") await JoinPodAsync(cli, request, cancellationToken);
        var query = new Query().Add("name", container.Name).Add("platform", platform.Value);
        var created = await PlaceAsync(cli, request, query, cancellationToken);
        foreach (var warning in created.Warnings ?? []) await cli.Error.WriteLineAsync($"WARNING: {warning}");
        if (idFile is not null) await idFile.WriteAsync(created.Id ?? "", cancellationToken);
        return created;
    }

    private async Task JoinPodAsync(CliContext cli, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        var found = await Pod.FindAsync(cli, pod.Value, cancellationToken);
        found.Adopt(request);
        if (startsPod && !Pod.IsUp(found.Infra)) await cli.Api.PostAsync($"/containers/{found.InfraId}/start", cancellationToken);
    }

    /// <summary>With <c>--replace</c> the former container steps aside, and is removed only when the new one is there: a create that fails costs nothing.</summary>
    private async Task<ContainerCreateResponse> PlaceAsync(CliContext cli, ContainerCreateRequest request, Query query, CancellationToken cancellationToken)
    {
        try
        {
            return await TryCreateAsync(cli, request, query, isRetry: false, cancellationToken);
        }
        catch (ApiException e) when (replace && e.Status == 409)
        {
            await using var former = await FormerContainer.FindAsync(cli, container.Name, cancellationToken);
            if (former is null) throw;
            await former.StepAsideAsync(cancellationToken);
            var created = await TryCreateAsync(cli, request, query, isRetry: true, cancellationToken);
            await former.RemoveAsync(cancellationToken);
            return created;
        }
    }

    private async Task<ContainerCreateResponse> TryCreateAsync(CliContext cli, ContainerCreateRequest request, Query query, bool isRetry, CancellationToken cancellationToken)
    {
        try
        {
            return await cli.Api.PostAsync($"/containers/create{query}", request, DockerApiJson.Default.ContainerCreateRequest, DockerApiJson.Default.ContainerCreateResponse, cancellationToken);
        }
        catch (ApiException e) when (e.Status == 404 && !isRetry && pull.Value is PullPolicy.Missing or PullPolicy.Newer)
        {
            if (!quiet) await cli.Error.WriteLineAsync($"Unable to find image '{Reference.WithTag(request.Image ?? "")}' locally");
            await ImagePull.RunAsync(cli, request.Image ?? "", platform.Value, isAllTags: false, quiet ? null : cli.Error, 2, cancellationToken);
        }
        return await TryCreateAsync(cli, request, query, isRetry: true, cancellationToken);
    }

    private static bool IsId(string image) => image.StartsWith("sha256:", StringComparison.Ordinal) || (image.Length == 64 && image.All(char.IsAsciiHexDigitLower));
}
