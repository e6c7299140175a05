using Shouldly;
using Wharf.Cli.Commands.Updates;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Updates;

/// <summary>What a container made anew takes over from the former.</summary>
public sealed class ContainerUpdateTests
{
    private static readonly List<MountPoint> Mounts =
    [
        new() { Type = "volume", Name = "aaaa", Destination = "/data", RW = true }, new() { Type = "volume", Name = "bbbb", Destination = "/ro", RW = false },
        new() { Type = "volume", Name = "named", Destination = "/v", RW = true }, new() { Type = "bind", Source = "/host", Destination = "/h", RW = true }, new() { Type = "volume", Name = "m", Destination = "/m", RW = true },
    ];

    [Fact]
    public void Volumes_that_have_no_name_of_their_own_are_named()
    {
        var host = new HostConfig { Binds = ["named:/v", "/host:/h"], Mounts = [new Mount { Type = "volume", Source = "m", Target = "/m" }, new Mount { Type = "volume", Target = "/data" }] };
        ContainerUpdate.AnonymousVolumes(new ContainerInspectResponse { HostConfig = host, Mounts = Mounts }).ShouldBe(["aaaa:/data", "bbbb:/ro:ro"]);
        ContainerUpdate.AnonymousVolumes(new ContainerInspectResponse { HostConfig = host with { VolumesFrom = ["other"] }, Mounts = Mounts }).ShouldBeEmpty();
    }
}
