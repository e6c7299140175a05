using System.Formats.Tar;
using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Commands.Pods;
using Wharf.Cli.Commands.Secrets;
using Wharf.Cli.Infra;
using Wharf.Cli.Streams;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>Makes and removes what a file of Kubernetes describes.</summary>
internal sealed class KubePlayer(CliContext cli, KubeFile file)
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;

    public async Task PlayAsync(bool replace, IReadOnlyList<string> networks, CancellationToken cancellationToken)
    {
        var there = await PodsAsync(cancellationToken);
        if (!replace && there.Count > 0) throw new CliException($"Error: pod {there[0].Name} already exists: --replace removes it first");
        foreach (var container in file.Pods.SelectMany(pod => pod.InitContainers.Concat(pod.Containers)))
        {
            await PullPolicy.ApplyAsync(cli, container.Pull, container.Request.Image!, "", cli.Error, 2, cancellationToken);
            if (container.ChecksUser) await CheckUserAsync(container, cancellationToken);
        }
        if (replace) await DownAsync(tell: false, cancellationToken);
        foreach (var (secret, data) in file.Secrets)
            foreach (var (key, value) in data.Where(entry => entry.Value.Length > 0))
                await cli.Api.PostAsync("/wharf/secrets", new SecretCreateRequest { Name = KubeFile.SecretName(secret, key), Data = value }, WharfJson.Default.SecretCreateRequest, WharfJson.Default.Secret, cancellationToken);
        foreach (var claim in file.Claims) await CreateVolumeAsync(claim, cancellationToken);
        foreach (var pod in file.Pods)
        {
            await PlayAsync(pod, networks, cancellationToken);
            await cli.Out.WriteLineAsync(pod.Name);
        }
    }

    /// <summary>Removes the pods with their volumes, and the secrets; claims stay, as what is in them is meant to.</summary>
    public async Task DownAsync(bool tell, CancellationToken cancellationToken)
    {
        foreach (var pod in await PodsAsync(cancellationToken))
        {
            await pod.RemoveAsync(cli, volumes: true, cancellationToken);
            if (tell) await cli.Out.WriteLineAsync(pod.Name);
        }
        foreach (var volume in file.Pods.SelectMany(pod => pod.Volumes)) await RemoveAsync($"/volumes/{Uri.EscapeDataString(volume.Name)}", cancellationToken);
        foreach (var (secret, data) in file.Secrets)
            foreach (var key in data.Keys) await RemoveAsync(SecretVerbs.PathOf(KubeFile.SecretName(secret, key)), cancellationToken);
    }

    private async Task<List<Pod>> PodsAsync(CancellationToken cancellationToken) => [.. (await Pod.ListAsync(cli, cancellationToken)).Where(pod => file.Pods.Exists(plan => plan.Name == pod.Name))];

    private async Task RemoveAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await cli.Api.DeleteAsync(path, cancellationToken);
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return; // it is gone already
        }
    }

    private async Task PlayAsync(PodPlan plan, IReadOnlyList<string> networks, CancellationToken cancellationToken)
    {
        await PauseProgramUpload.EnsureImageAsync(cli, cancellationToken);
        foreach (var volume in plan.Volumes) await CreateVolumeAsync(volume, cancellationToken);
        await FillAsync(plan, cancellationToken);
        var infra = await PodCreation.CreateAsync(cli, plan.Name, plan.HostName, plan.SharesPid, [.. plan.Options, .. networks.SelectMany(network => (string[])["--network", network])], cancellationToken);
        await StartAsync(infra, cancellationToken);
        var pod = await Pod.FindAsync(cli, plan.Name, cancellationToken);
        foreach (var container in plan.InitContainers) await InitializeAsync(plan, pod, container, cancellationToken);
        var made = new List<string>();
        foreach (var container in plan.Containers) made.Add(await CreateAsync(plan, pod, container, cancellationToken));
        foreach (var id in made) await StartAsync(id, cancellationToken);
    }

    /// <summary>Runs it to its end, after which it is removed; one that failed is left to be looked at.</summary>
    private async Task InitializeAsync(PodPlan plan, Pod pod, ContainerPlan container, CancellationToken cancellationToken)
    {
        var id = await CreateAsync(plan, pod, container, cancellationToken);
        if (container.Stays)
        {
            await StartAsync(id, cancellationToken);
            return;
        }
        var ended = await ContainerSession.BeginWaitAsync(cli, id, "next-exit", cancellationToken);
        await StartAsync(id, cancellationToken);
        if (ContainerSession.ExitCode(await ended) is not 0 and var code) throw new CliException($"Error: Pod {plan.Name}: init container {container.Name} exited with code {code}: {CliContext.Program} logs {container.Name} shows why, kube play --down removes the pod");
        await cli.Api.DeleteAsync($"/containers/{id}?v=1", cancellationToken);
    }

    private async Task<string> CreateAsync(PodPlan plan, Pod pod, ContainerPlan container, CancellationToken cancellationToken)
    {
        var host = container.Request.HostConfig!;
        pod.Adopt(container.Request);
        if (plan.IsHostIpc) host.IpcMode = "host";
        if (plan.IsHostPid) host.PidMode = "host";
        return await PodCreation.CreateAsync(cli, container.Name, container.Request, cancellationToken);
    }

    private Task StartAsync(string id, CancellationToken cancellationToken) => cli.Api.PostAsync($"/containers/{id}/start", cancellationToken);

    private Task<Volume> CreateVolumeAsync(KubeVolume volume, CancellationToken cancellationToken) =>
        cli.Api.PostAsync("/volumes/create", new VolumeCreateOptions { Name = volume.Name, Driver = "local", DriverOpts = volume.DriverOptions }, DockerApiJson.Default.VolumeCreateOptions, DockerApiJson.Default.Volume, cancellationToken);

    /// <summary>Puts files into volumes through a container that never runs: the daemon resolves their names, inside the volumes.</summary>
    private async Task FillAsync(PodPlan plan, CancellationToken cancellationToken)
    {
        var volumes = plan.Volumes.FindAll(volume => volume.Files is not null);
        if (volumes.Count == 0) return;
        var request = new ContainerCreateRequest { Image = PauseProgramUpload.Image, HostConfig = new HostConfig { NetworkMode = "none", Mounts = [.. volumes.Select((volume, i) => new Mount { Type = "volume", Source = volume.Name, Target = $"/{i}", VolumeOptions = new MountVolumeOptions { NoCopy = true } })] } };
        var id = await PodCreation.CreateAsync(cli, "", request, cancellationToken);
        try
        {
            for (int i = 0; i < volumes.Count; i++)
            {
                await using var response = await cli.Api.SendAsync(new ApiRequest("PUT", string.Create(CultureInfo.InvariantCulture, $"/containers/{id}/archive?path=/{i}")) { Body = Archive(volumes[i].Files!), Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken);
                await response.ReadAllAsync(cancellationToken);
            }
        }
        finally { await cli.Api.DeleteAsync($"/containers/{id}?force=1", CancellationToken.None); }
    }

    private static byte[] Archive(List<KubeVolumeFile> files)
    {
        using var buffer = new MemoryStream();
        using (var tar = new TarWriter(buffer, TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "./") { Mode = Everybody });
            foreach (var file in files) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, file.Path) { Mode = file.Mode, DataStream = new MemoryStream(file.Content) });
        }
        return buffer.ToArray();
    }

    private async Task CheckUserAsync(ContainerPlan container, CancellationToken cancellationToken)
    {
        var image = await cli.Api.GetAsync($"/images/{Reference.Escape(container.Request.Image!)}/json", DockerApiJson.Default.ImageInspect, cancellationToken);
        var user = (image.Config?.User ?? "").Split(':')[0];
        if (!long.TryParse(user, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            throw new CliException($"Error: container {container.Name}: securityContext.runAsNonRoot: the image's user \"{user}\" is root, or has no number that shows it is not");
    }
}
