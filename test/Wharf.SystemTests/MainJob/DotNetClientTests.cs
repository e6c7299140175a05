using System.Text;
using Docker.DotNet;
using Docker.DotNet.Models;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.MainJob;

/// <summary>The engine seen by a .NET program that uses Docker.DotNet.</summary>
public sealed class DotNetClientTests(EngineFixture engine)
{
    private DockerClient Client() => new DockerClientBuilder().WithEndpoint(new Uri(engine.Host)).Build();

    [Fact]
    public async Task A_container_is_created_started_waited_for_read_and_removed()
    {
        using var client = Client();
        var created = await client.Containers.CreateContainerAsync(new CreateContainerParameters
        {
            Image = "busybox", Cmd = ["sh", "-c", "echo to out; echo to err >&2; exit 3"], Env = ["A=b"], Labels = new Dictionary<string, string> { ["sdk"] = "yes" },
            HostConfig = new HostConfig { Memory = 64 << 20, NetworkMode = "none" },
        });
        created.ID.Length.ShouldBe(64);
        (await client.Containers.StartContainerAsync(created.ID, new ContainerStartParameters())).ShouldBeTrue();
        (await client.Containers.WaitContainerAsync(created.ID)).StatusCode.ShouldBe(3);
        (await client.Containers.StartContainerAsync(created.ID, new ContainerStartParameters())).ShouldBeTrue();
        await client.Containers.WaitContainerAsync(created.ID);
        using var logs = await client.Containers.GetContainerLogsAsync(created.ID, new ContainerLogsParameters { ShowStdout = true, ShowStderr = true });
        var (output, error) = await logs.ReadOutputToEndAsync(CancellationToken.None);
        output.ShouldBe("to out\nto out\n");
        error.ShouldBe("to err\nto err\n");
        var inspect = await client.Containers.InspectContainerAsync(created.ID);
        inspect.State!.ExitCode.ShouldBe(3);
        inspect.HostConfig!.Memory.ShouldBe(64 << 20);
        inspect.Config!.Env!.ShouldContain("A=b");
        var listed = await client.Containers.ListContainersAsync(new ContainersListParameters { All = true, Filters = new Dictionary<string, IDictionary<string, bool>> { ["label"] = new Dictionary<string, bool> { ["sdk=yes"] = true } } });
        listed.ShouldHaveSingleItem().ID.ShouldBe(created.ID);
        await client.Containers.RemoveContainerAsync(created.ID, new ContainerRemoveParameters());
        await Should.ThrowAsync<DockerContainerNotFoundException>(client.Containers.InspectContainerAsync(created.ID));
    }

    [Fact]
    public async Task Attach_and_exec_carry_input_and_output()
    {
        using var client = Client();
        var created = await client.Containers.CreateContainerAsync(new CreateContainerParameters { Image = "busybox", Cmd = ["cat"], OpenStdin = true, StdinOnce = true, AttachStdin = true, AttachStdout = true });
        using (var stream = await client.Containers.AttachContainerAsync(created.ID, new ContainerAttachParameters { Stream = true, Stdin = true, Stdout = true }))
        {
            await client.Containers.StartContainerAsync(created.ID, new ContainerStartParameters());
            var exec = await client.Exec.CreateContainerExecAsync(created.ID, new ContainerExecCreateParameters { AttachStdout = true, Cmd = ["echo", "from exec"] });
            using (var output = await client.Exec.StartContainerExecAsync(exec.ID, new ContainerExecStartParameters()))
                (await output.ReadOutputToEndAsync(CancellationToken.None)).stdout.ShouldBe("from exec\n");
            (await client.Exec.InspectContainerExecAsync(exec.ID)).ExitCode.ShouldBe(0);
            await stream.WriteAsync(Encoding.UTF8.GetBytes("echoed\n"), 0, 7, CancellationToken.None);
            stream.CloseWrite();
            (await stream.ReadOutputToEndAsync(CancellationToken.None)).stdout.ShouldBe("echoed\n");
        }
        (await client.Containers.WaitContainerAsync(created.ID)).StatusCode.ShouldBe(0);
        await client.Containers.RemoveContainerAsync(created.ID, new ContainerRemoveParameters());
    }

    [Fact]
    public async Task Images_networks_and_volumes_are_listed_and_the_system_described()
    {
        using var client = Client();
        (await client.Images.ListImagesAsync(new ImagesListParameters())).ShouldContain(image => image.RepoTags.Contains("busybox:latest"));
        (await client.Networks.ListNetworksAsync()).Select(network => network.Name).ShouldBeSubsetOf(["bridge", "host", "none", .. (await client.Networks.ListNetworksAsync()).Select(network => network.Name)]);
        var volume = await client.Volumes.CreateAsync(new VolumesCreateParameters { Name = "sdk-volume" });
        volume.Driver.ShouldBe("local");
        await client.Volumes.RemoveAsync("sdk-volume");
        (await client.System.GetVersionAsync()).APIVersion.ShouldNotBeNullOrEmpty();
        (await client.System.GetSystemInfoAsync()).OSType.ShouldBe("linux");
    }
}
