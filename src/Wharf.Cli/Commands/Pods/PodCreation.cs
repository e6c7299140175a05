using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Infra;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Pods;

/// <summary>Makes a pod's infra container.</summary>
internal static class PodCreation
{
    /// <param name="hostName">Empty for the pod's own name, null for that of the host network.</param>
    /// <param name="options">Flags of <c>run</c> that concern what the pod's containers share.</param>
    /// <returns>The container's ID.</returns>
    public static async Task<string> CreateAsync(CliContext cli, string pod, string? hostName, bool sharesPid, IEnumerable<string> options, CancellationToken cancellationToken)
    {
        await PauseProgramUpload.EnsureImageAsync(cli, cancellationToken);
        var flags = new FlagSet();
        var container = new ContainerFlags(flags);
        List<string> words =
        [
            "--label", $"{Pod.NameLabel}={pod}", "--label", $"{Pod.InfraLabel}=true",
            // It is to be there again before its containers are, after a reboot; stopped by hand it stays so.
            "--restart", "unless-stopped", "--ipc", "shareable", "--stop-signal", "KILL", "--read-only", .. options,
        ];
        if (hostName is not null) words.AddRange(["--hostname", hostName == "" ? pod : hostName]);
        if (sharesPid) words.AddRange(["--label", $"{Pod.SharesPidLabel}=true"]);
        words.Add(PauseProgramUpload.Image);
        var request = container.Build(flags.Parse(words), "");
        (request.AttachStdout, request.AttachStderr) = (false, false);
        return await CreateAsync(cli, Pod.InfraName(pod), request, cancellationToken);
    }

    /// <summary>Makes a container of the pod; what the daemon warns of is told. Returns its ID.</summary>
    public static async Task<string> CreateAsync(CliContext cli, string name, ContainerCreateRequest request, CancellationToken cancellationToken)
    {
        var created = await cli.Api.PostAsync($"/containers/create{new Query().Add("name", name)}", request, DockerApiJson.Default.ContainerCreateRequest, DockerApiJson.Default.ContainerCreateResponse, cancellationToken);
        foreach (var warning in created.Warnings ?? []) await cli.Error.WriteLineAsync($"WARNING: {warning}");
        return created.Id ?? throw new CliException("the daemon gave no container ID");
    }
}
