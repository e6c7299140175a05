using System.Text;
using Wharf.Engine.Build.Debugging;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Solving;

/// <summary>RUN: a container over the step's root, its output passed on, what it changed kept as a layer.</summary>
internal sealed class RunStep(BuildParts parts, RunNode node, Digest? root)
{
    /// <summary>Runs it; null when nothing was changed. A process that fails is a <see cref="BuildStepException"/>.</summary>
    public async Task<LayerInfo?> RunAsync(IReadOnlyDictionary<BuildNode, NodeResult> results, CancellationToken cancellation)
    {
        var wanted = node.Mounts.Select(mount => new StepMount(mount, mount.From is null ? null : results[mount.From])).ToList();
        using var mounts = await StepMounts.PrepareAsync(parts, wanted, node.Directory, node.Script, cancellation);
        var containers = parts.Containers;
        var id = await containers.CreateStepAsync(new StepContainer
        {
            ChainId = root, Command = node.Command, Environment = [.. node.ProxyEnvironment, .. node.Environment], SecretEnvironment = mounts.Environment, User = node.User, Directory = node.Directory,
            HostConfig = parts.Request.RunConfig with { NetworkMode = node.Network, Privileged = node.Insecure ? true : null, DeviceRequests = DeviceRequests() }, Mounts = mounts.Mounts,
            IsClassic = parts.Request.Classic, Volumes = node.Volumes, Labels = node.Labels,
        }, cancellation);
        node.Progress.Launch(id);
        bool keep = false;
        FailedStep? failed = null;
        try
        {
            int code = await ExecuteAsync(id, cancellation);
            keep = code == 0 ? parts.Request.KeepContainers : parts.Request.KeepFailedContainer;
            if (code != 0) throw new BuildStepException(node, $"The command '{string.Join(' ', node.Command)}' returned a non-zero code: {code}", code) { Container = keep ? id : null };
            foreach (var mount in mounts.Mounts) parts.Snapshots.RemoveMountPoint(id, mount.Destination!);
            return await parts.HeldAsync(() => containers.CommitStepAsync(id, root, cancellation));
        }
        catch (BuildStepException error) when (parts.Request.TakeFailed is { } take)
        {
            error.State = failed = new FailedStep(parts, node, root, wanted, [.. mounts.Mounts.Select(static mount => mount.Destination!)], id);
            take(failed);
            throw;
        }
        finally
        {
            if (keep) await containers.KeepStepAsync(id, parts.StandsOn, CancellationToken.None);
            else if (failed is null) await containers.RemoveAsync(id, force: true, volumes: true, CancellationToken.None);
        }
    }

    private List<DeviceRequest>? DeviceRequests()
    {
        if (node.Devices.Count == 0) return null;
        var names = DeviceGrants.Resolve(node.Devices, parts.Containers.Devices());
        return names.Count == 0 ? null : [new DeviceRequest { Driver = Containers.Devices.CdiRegistry.Driver, DeviceIDs = names }];
    }

    private async Task<int> ExecuteAsync(string id, CancellationToken cancellation)
    {
        var containers = parts.Containers;
        await using var output = await containers.AttachAsync(id, stdin: false, stdout: true, stderr: true, cancellation);
        await BeginAsync(id, cancellation);
        await Shims.OutputFrames.ReadAsync(output, (stream, data) => node.Progress.WriteAsync(stream, data, cancellation), cancellation);
        return (int)((await containers.WaitAsync(id, WaitCondition.NotRunning, cancellation)).StatusCode ?? throw new InvalidOperationException("an ended step has no exit code"));
    }

    /// <summary>A process that cannot be started has failed, to BuildKit: it says why where the process would have spoken.</summary>
    private async Task BeginAsync(string id, CancellationToken cancellation)
    {
        try
        {
            await StartAsync(id, cancellation);
        }
        catch (Shims.ShimException error) when (!parts.Request.Classic)
        {
            await node.Progress.WriteAsync(2, Encoding.UTF8.GetBytes(BuildProcess.WhyNotStarted(error)), cancellation);
            throw new BuildStepException(node, error.Message, 1);
        }
        catch (WharfException error) when (!parts.Request.Classic && error.Kind is ErrorKind.InvalidArgument or ErrorKind.NotFound)
        {
            throw new WharfException(error.Kind, $"process {Specs.GoSyntax.Quoted(string.Join(' ', node.Command))} did not complete successfully: {error.Message}", error);
        }
    }

    private async Task StartAsync(string id, CancellationToken cancellation)
    {
        try
        {
            await parts.Containers.StartAsync(id, cancellation);
        }
        catch (Shims.ShimException error) when (error.Message.EndsWith("exec format error", StringComparison.Ordinal) && !Platforms.Matches(node.Platform, Platforms.Host))
        {
            throw WharfException.Invalid($"exec {node.Command[0]}: exec format error: the step is for {Platforms.Describe(node.Platform)}, this machine runs {Platforms.Describe(Platforms.Host)} and has no emulator for it (qemu-user-static)");
        }
    }
}
