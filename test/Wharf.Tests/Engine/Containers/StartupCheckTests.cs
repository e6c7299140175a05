using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

/// <summary>The check that goes before the health check.</summary>
public sealed class StartupCheckTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;
    private static readonly HealthConfig Regular = new() { Test = ["CMD", "x"] };

    private static StartupCheck? Of(params (string Key, string Value)[] labels) =>
        StartupCheck.Of(new HostConfig(), new ContainerConfig { Healthcheck = Regular, Labels = labels.ToDictionary(label => "wharf.health-startup-" + label.Key, label => label.Value) });

    private static ProbeResult Probe(int exitCode) => new(Now, Now, exitCode, "");

    [Fact]
    public void It_is_read_from_labels_and_annotations()
    {
        Of().ShouldBeNull();
        var check = Of(("cmd", "test -f /ready"), ("interval", "1m30s"), ("timeout", "500ms"), ("retries", "7"), ("success", "2"))!;
        check.Config.Test.ShouldBe(["CMD-SHELL", "test -f /ready"]);
        (check.Config.Interval, check.Config.Timeout, check.Config.Retries, check.Successes).ShouldBe((90_000_000_000, 500_000_000, 7, 2));
        Of(("cmd", """["/check", "-q"]"""))!.Config.Test.ShouldBe(["CMD", "/check", "-q"]);
        Of(("cmd", """["TCP", "127.0.0.1:80"]"""))!.Config.Test.ShouldBe(["TCP", "127.0.0.1:80"]);
        Of(("cmd", "[ -f /ready ]"))!.Config.Test.ShouldBe(["CMD-SHELL", "[ -f /ready ]"]);
        StartupCheck.Of(new HostConfig { Annotations = new() { ["wharf.health-startup-cmd"] = "a" } }, new ContainerConfig { Healthcheck = Regular })!.Config.Test.ShouldBe(["CMD-SHELL", "a"]);
    }

    [Theory]
    [InlineData("interval", "soon")]
    [InlineData("timeout", "-1s")]
    [InlineData("retries", "-1")]
    [InlineData("success", "x")]
    public void What_is_no_value_is_refused(string key, string value)
    {
        Should.Throw<WharfException>(() => Of(("cmd", "x"), (key, value))).Message.ShouldContain($"wharf.health-startup-{key}: \"{value}\"");
        Should.Throw<WharfException>(() => Of((key, value))).Message.ShouldContain("there is no wharf.health-startup-cmd");
    }

    [Fact]
    public void It_needs_a_health_check_to_follow_it() => Should.Throw<WharfException>(() =>
        StartupCheck.Of(new HostConfig(), new ContainerConfig { Healthcheck = new HealthConfig { Test = ["NONE"] }, Labels = new() { ["wharf.health-startup-cmd"] = "x" } })).Message.ShouldContain("needs a health check");

    [Fact]
    public void It_gives_way_once_it_has_succeeded_as_often_as_asked_and_a_later_daemon_knows()
    {
        var check = Of(("cmd", "x"), ("success", "2"), ("retries", "2"), ("interval", "1s"))!;
        var monitor = new HealthMonitor(Regular, Now, check);
        monitor.Pause(Now).ShouldBe(TimeSpan.FromSeconds(1));
        monitor.AddStartup(Probe(0)).ShouldBeFalse();
        monitor.AddStartup(Probe(1)).ShouldBeFalse();
        monitor.AddStartup(Probe(0)).ShouldBeFalse();
        monitor.Startup.ShouldBe(check);
        monitor = new HealthMonitor(Regular, Now, check, monitor.Record());
        monitor.AddStartup(Probe(0)).ShouldBeFalse();
        monitor.Startup.ShouldBeNull();
        (monitor.Status, monitor.Report().FailingStreak, monitor.Report().Log!.Count).ShouldBe(("starting", 0, 4));
        monitor.Pause(Now).ShouldBe(TimeSpan.FromSeconds(30));
        monitor.Add(Probe(0)).ShouldBe("healthy");
        new HealthMonitor(Regular, Now, check, monitor.Record()).Startup.ShouldBeNull();
    }

    [Fact]
    public void Enough_failures_in_a_row_end_the_container()
    {
        var monitor = new HealthMonitor(Regular, Now, Of(("cmd", "x"), ("retries", "2"), ("success", "9")));
        monitor.AddStartup(Probe(1)).ShouldBeFalse();
        monitor.AddStartup(Probe(0)).ShouldBeFalse();
        monitor.AddStartup(Probe(1)).ShouldBeFalse();
        monitor.AddStartup(Probe(-1)).ShouldBeTrue();
        monitor.Status.ShouldBe("starting");
        var patient = new HealthMonitor(Regular, Now, Of(("cmd", "x")));
        for (int i = 0; i < 20; i++) patient.AddStartup(Probe(1)).ShouldBeFalse();
    }
}
