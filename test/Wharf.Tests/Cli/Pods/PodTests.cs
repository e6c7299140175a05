using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Commands.Pods;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Pods;

/// <summary>Pods as their containers' labels tell them.</summary>
public sealed class PodTests
{
    private static ContainerSummary Container(string name, string state, string pod, bool infra = false) => new()
    {
        Id = name + "-id", Names = ["/" + name], State = state, Labels = infra ? new() { ["wharf.pod"] = pod, ["wharf.pod.infra"] = "true" } : new() { ["wharf.pod"] = pod },
    };

    private static ContainerCreateRequest Build(params string[] words)
    {
        var flags = new FlagSet();
        var container = new ContainerFlags(flags);
        return container.Build(flags.Parse(words), "");
    }

    [Theory]
    [InlineData("created", "created")]
    [InlineData("running", "running")]
    [InlineData("created", "created", "created")]
    [InlineData("running", "running", "running", "paused")]
    [InlineData("running", "degraded", "running", "exited")]
    [InlineData("exited", "exited", "exited", "created")]
    public void A_pods_state_is_its_containers(string infra, string status, params string[] members) =>
        Pod.From([Container("p-infra", infra, "p", infra: true), .. members.Select((state, i) => Container($"m{i}", state, "p"))]).ShouldHaveSingleItem().Status.ShouldBe(status);

    [Fact]
    public void Containers_are_grouped_and_those_without_an_infra_container_are_no_pod()
    {
        var pods = Pod.From([Container("b", "running", "two"), Container("two-infra", "running", "two", infra: true), Container("lost", "running", "gone"), Container("a", "running", "two"), Container("one-infra", "created", "one", infra: true)]);
        pods.Select(pod => $"{pod.Name}: {string.Join(' ', pod.Members.Select(member => member.Id))}").ShouldBe(["one: ", "two: a-id b-id"]);
    }

    [Fact]
    public void A_container_takes_what_the_pod_has_and_cannot_have_its_own()
    {
        var pod = Pod.From([Container("p-infra", "running", "p", infra: true)])[0];
        var request = Build("-l", "k=v", "busybox");
        pod.Adopt(request);
        (request.HostConfig!.NetworkMode, request.HostConfig.IpcMode, request.HostConfig.PidMode).ShouldBe(("container:p-infra-id", "container:p-infra-id", ""));
        request.Labels.ShouldBe(new Dictionary<string, string> { ["k"] = "v", ["wharf.pod"] = "p" });
        foreach (var flag in new[] { "--network=x", "--publish=80", "--hostname=h", "--ipc=host", "-P" }) Should.Throw<CliException>(() => pod.Adopt(Build(flag, "busybox"))).ExitCode.ShouldBe(125);
        pod.Infra.Labels!["wharf.pod.share-pid"] = "true";
        pod.Adopt(request = Build("busybox"));
        request.HostConfig!.PidMode.ShouldBe("container:p-infra-id");
    }
}
