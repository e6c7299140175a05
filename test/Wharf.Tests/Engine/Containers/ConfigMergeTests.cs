using Shouldly;
using System.Text.Json;
using Wharf.Engine.Containers.Config;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class ConfigMergeTests
{
    private static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement;

    private static readonly OciImageConfig Image = new()
    {
        User = "app", Env = ["PATH=/bin", "A=image"], Entrypoint = ["/entry"], Cmd = ["serve"], WorkingDir = "/srv", Labels = new() { ["a"] = "image", ["b"] = "image" },
        ExposedPorts = new() { ["80/tcp"] = Empty }, Volumes = new() { ["/data"] = Empty }, StopSignal = "SIGQUIT",
        Healthcheck = new Healthcheck { Test = ["CMD", "probe"], Interval = 5, Retries = 2 },
    };

    [Fact]
    public void What_the_user_does_not_say_comes_from_the_image()
    {
        var merged = ConfigMerge.Merge(new ContainerConfig(), Image);
        merged.User.ShouldBe("app");
        merged.WorkingDir.ShouldBe("/srv");
        merged.StopSignal.ShouldBe("SIGQUIT");
        merged.ExposedPorts!.Keys.ShouldBe(["80/tcp"]);
        merged.Volumes!.Keys.ShouldBe(["/data"]);
        ConfigMerge.Command(merged).Path.ShouldBe("/entry");
        ConfigMerge.Command(merged).Args.ShouldBe(["serve"]);
    }

    [Fact]
    public void Environment_and_labels_join_with_the_users_word_winning()
    {
        var merged = ConfigMerge.Merge(new ContainerConfig { Env = ["A=mine", "B"], Labels = new() { ["a"] = "mine" } }, Image);
        merged.Env.ShouldBe(["A=mine", "B", "PATH=/bin"]);
        merged.Labels.ShouldBe(new Dictionary<string, string> { ["a"] = "mine", ["b"] = "image" });
    }

    [Fact]
    public void A_command_replaces_the_images_command_and_keeps_its_entrypoint() =>
        ConfigMerge.Command(ConfigMerge.Merge(new ContainerConfig { Cmd = ["other"] }, Image)).Args.ShouldBe(["other"]);

    [Fact]
    public void An_entrypoint_of_the_users_makes_the_images_command_void() =>
        ConfigMerge.Command(ConfigMerge.Merge(new ContainerConfig { Entrypoint = ["/mine"] }, Image)).Args.ShouldBeEmpty();

    [Fact]
    public void An_empty_string_as_entrypoint_takes_the_images_away() =>
        ConfigMerge.Command(ConfigMerge.Merge(new ContainerConfig { Entrypoint = [""], Cmd = ["sh"] }, Image)).Path.ShouldBe("sh");

    [Fact]
    public void Nothing_to_run_is_an_error_of_the_start_only() =>
        ConfigMerge.Command(ConfigMerge.Merge(new ContainerConfig(), new OciImageConfig())).Path.ShouldBe("");

    [Fact]
    public void A_health_check_takes_the_images_part_where_the_user_left_it_open()
    {
        var merged = ConfigMerge.Merge(new ContainerConfig { Healthcheck = new HealthConfig { Retries = 9 } }, Image).Healthcheck!;
        merged.Test.ShouldBe(["CMD", "probe"]);
        merged.Retries.ShouldBe(9);
        merged.Interval.ShouldBe(5);
    }
}
