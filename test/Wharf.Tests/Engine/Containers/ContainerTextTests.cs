using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class ContainerTextTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(0.5, "Less than a second")]
    [InlineData(1, "1 second")]
    [InlineData(59, "59 seconds")]
    [InlineData(60, "About a minute")]
    [InlineData(150, "2 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(7200, "2 hours")]
    [InlineData(3 * 86400, "3 days")]
    [InlineData(20 * 86400, "2 weeks")]
    [InlineData(100 * 86400, "3 months")]
    [InlineData(800 * 86400.0, "2 years")]
    public void Lengths_of_time_read_like_dockers(double seconds, string text) => StatusText.Duration(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Fact]
    public void States_read_like_dockers()
    {
        var running = new RunState { Status = ContainerStatus.Running, StartedAt = Now.AddSeconds(-3) };
        StatusText.Of(running, null, Now).ShouldBe("Up 3 seconds");
        StatusText.Of(running, "healthy", Now).ShouldBe("Up 3 seconds (healthy)");
        StatusText.Of(running, "starting", Now).ShouldBe("Up 3 seconds (health: starting)");
        StatusText.Of(running with { Status = ContainerStatus.Paused }, null, Now).ShouldBe("Up 3 seconds (Paused)");
        StatusText.Of(new RunState { Status = ContainerStatus.Exited, ExitCode = 137, FinishedAt = Now.AddMinutes(-2) }, null, Now).ShouldBe("Exited (137) 2 minutes ago");
        StatusText.Of(new RunState(), null, Now).ShouldBe("Created");
        StatusText.Of(new RunState { Status = ContainerStatus.Restarting, ExitCode = 1, FinishedAt = Now.AddSeconds(-5) }, null, Now).ShouldBe("Restarting (1) 5 seconds ago");
    }

    [Theory]
    [InlineData("TERM", 15)]
    [InlineData("SIGKILL", 9)]
    [InlineData("sigusr1", 10)]
    [InlineData("9", 9)]
    [InlineData("RTMIN+1", 35)]
    [InlineData("SIGRTMAX", 64)]
    public void Signals_go_by_name_and_number(string text, int number) => Signals.Parse(text).ShouldBe(number);

    [Theory]
    [InlineData("BOGUS")]
    [InlineData("")]
    [InlineData("SIG")]
    [InlineData("0")]
    [InlineData("-9")]
    [InlineData("RTMIN+99")]
    public void Signals_that_are_none_are_refused(string text) => Should.Throw<WharfException>(() => Signals.Parse(text)).Message.ShouldBe($"invalid signal: {text}");

    [Fact]
    public void Detach_keys_are_found_across_reads_and_what_only_began_them_is_passed_on()
    {
        var keys = new DetachKeys(DetachKeys.Default);
        var passed = new List<byte>();
        keys.Filter([97, 16], passed).ShouldBeFalse();
        passed.ShouldBe([97]);
        keys.Filter([98], passed).ShouldBeFalse();
        passed.ShouldBe([97, 16, 98]);
        keys.Filter([16], passed).ShouldBeFalse();
        keys.Filter([16], passed).ShouldBeFalse();
        keys.Filter([17, 99], passed).ShouldBeTrue();
        passed.ShouldBe([97, 16, 98, 16]);
    }

    [Fact]
    public void Detach_keys_are_read()
    {
        DetachKeys.Parse("ctrl-p,ctrl-q").ShouldBe([16, 17]);
        DetachKeys.Parse("ctrl-@,x,ctrl-[").ShouldBe([0, (byte)'x', 27]);
        DetachKeys.Parse("").ShouldBe(DetachKeys.Default);
        Should.Throw<WharfException>(() => DetachKeys.Parse("bogus")).Message.ShouldBe("Invalid escape keys (bogus) provided");
    }

    [Fact]
    public void Restart_delays_double_up_to_a_minute_and_begin_anew_after_a_good_run()
    {
        var delay = RestartDecision.Next(TimeSpan.Zero, TimeSpan.Zero);
        delay.ShouldBe(TimeSpan.FromMilliseconds(100));
        for (int i = 0; i < 20; i++) delay = RestartDecision.Next(delay, TimeSpan.FromSeconds(1));
        delay.ShouldBe(TimeSpan.FromMinutes(1));
        RestartDecision.Next(delay, TimeSpan.FromSeconds(11)).ShouldBe(TimeSpan.FromMilliseconds(100));
    }

    [Theory]
    [InlineData("no", 1, 0, false, false)]
    [InlineData("always", 0, 0, false, true)]
    [InlineData("always", 0, 0, true, false)]
    [InlineData("on-failure", 0, 0, false, false)]
    [InlineData("on-failure", 1, 2, false, true)]
    [InlineData("on-failure", 1, 3, false, false)]
    [InlineData("unless-stopped", 0, 50, false, true)]
    public void Restart_policies_decide(string name, int exitCode, int count, bool manual, bool restart) =>
        RestartDecision.Applies(new RestartPolicy { Name = name, MaximumRetryCount = name == "on-failure" ? 3 : 0 }, exitCode, count, manual).ShouldBe(restart);

    [Fact]
    public void Names_match_as_patterns_that_cannot_stall()
    {
        ContainerFilters.Matches("we", "/web").ShouldBeTrue();
        ContainerFilters.Matches("^/web$", "/web").ShouldBeTrue();
        ContainerFilters.Matches("^/we$", "/web").ShouldBeFalse();
        ContainerFilters.Matches("(", "/web").ShouldBeFalse();
        ContainerFilters.Matches("(a+)+$", new string('a', 5000) + "!").ShouldBeFalse();
    }

    [Fact]
    public void Moments_are_seconds_dates_or_durations()
    {
        ContainerFilters.ParseTime("10", Now).ShouldBe(DateTimeOffset.UnixEpoch.AddSeconds(10));
        ContainerFilters.ParseTime("1h30m", Now).ShouldBe(Now.AddMinutes(-90));
        ContainerFilters.ParseTime("2025-01-02T03:04:05Z", Now).ShouldBe(new DateTimeOffset(2025, 1, 2, 3, 4, 5, TimeSpan.Zero));
        Should.Throw<WharfException>(() => ContainerFilters.ParseTime("soon", Now));
    }

    [Fact]
    public void Ps_lines_of_others_are_left_out()
    {
        var top = ContainerService.Parse("UID   PID  PPID CMD\nroot    1     0 init\nweb    42     1 sleep 100 200\n", new HashSet<int> { 42 });
        top.Titles.ShouldBe(["UID", "PID", "PPID", "CMD"]);
        top.Processes.ShouldHaveSingleItem().ShouldBe(["web", "42", "1", "sleep 100 200"]);
        Should.Throw<WharfException>(() => ContainerService.Parse("A B\n", new HashSet<int>())).Message.ShouldBe("Couldn't find PID field in ps output");
    }

    [Fact]
    public void A_path_leads_into_the_deepest_mount_over_it()
    {
        List<MountPoint> mounts =
        [
            new() { Type = "volume", Source = "/s1", Destination = "/data" }, new() { Type = "bind", Source = "/s2", Destination = "/data/in" }, new() { Type = "tmpfs", Source = "", Destination = "/t" },
        ];
        ContainerService.MountOver(mounts, "/data/x")!.Source.ShouldBe("/s1");
        ContainerService.MountOver(mounts, "data/in/x")!.Source.ShouldBe("/s2");
        ContainerService.MountOver(mounts, "/database").ShouldBeNull();
        ContainerService.MountOver(mounts, "/t/x").ShouldBeNull();
    }

    [Fact]
    public void Dockerfile_instructions_change_an_image()
    {
        var image = new OciImage { Config = new OciImageConfig { Env = ["A=1"], WorkingDir = "/srv" } };
        ImageChange.ApplyAll(image, ["ENV A=2 B=\"x y\" C='z'", "ENV D the rest", "LABEL k=v", "EXPOSE 80 53/udp", "CMD [\"a\", \"b\"]", "entrypoint run it", "USER web", "VOLUME /v /w", "WORKDIR sub", "ONBUILD RUN x"]);
        var config = image.Config!;
        config.Env.ShouldBe(["A=2", "B=x y", "C=z", "D=the rest"]);
        config.Labels!["k"].ShouldBe("v");
        config.ExposedPorts!.Keys.ShouldBe(["80/tcp", "53/udp"]);
        config.Cmd.ShouldBe(["a", "b"]);
        config.Entrypoint.ShouldBe(["/bin/sh", "-c", "run it"]);
        config.User.ShouldBe("web");
        config.Volumes!.Keys.ShouldBe(["/v", "/w"]);
        config.WorkingDir.ShouldBe("/srv/sub");
        config.OnBuild.ShouldBe(["RUN x"]);
    }

    [Fact]
    public void Changes_are_read_as_a_dockerfile_is()
    {
        var image = new OciImage { Config = new OciImageConfig { Env = ["A=1"], Cmd = ["old"] } };
        ImageChange.ApplyAll(image, ["# comment\nENV B=$A/x A=2 C='$A' \\\n D=\\$A", "LABEL l=$A", "EXPOSE 8$A", "VOLUME /$A", "USER a  $A", "WORKDIR $UNSET/x y", "STOPSIGNAL $A", "ENTRYPOINT x $A"]);
        var config = image.Config!;
        config.Env.ShouldBe(["A=2", "B=1/x", "C=$A", "D=$A"]);
        config.Labels!["l"].ShouldBe("2");
        config.ExposedPorts!.Keys.ShouldBe(["82/tcp"]);
        config.Volumes!.Keys.ShouldBe(["/2"]);
        config.User.ShouldBe("a  2");
        config.WorkingDir.ShouldBe("/x y");
        config.StopSignal.ShouldBe("2");
        config.Entrypoint.ShouldBe(["/bin/sh", "-c", "x $A"]);
        config.Cmd.ShouldBeNull();
    }

    [Theory]
    [InlineData("RUN", "RUN is not a valid change command")]
    [InlineData("foo x", "foo is not a valid change command")]
    [InlineData("", "file with no instructions")]
    [InlineData("# comment", "file with no instructions")]
    [InlineData("ENV", "ENV requires at least one argument")]
    [InlineData("ENV =x", "ENV names can not be blank")]
    [InlineData("EXPOSE 99999", "Invalid containerPort: 99999")]
    [InlineData("USER", "USER requires exactly one argument")]
    [InlineData("STOPSIGNAL FOO", "invalid signal: FOO")]
    [InlineData("STOPSIGNAL 0", "invalid signal: 0")]
    [InlineData("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD")]
    public void A_change_that_cannot_be_is_told_in_dockers_words(string change, string message) =>
        Should.Throw<WharfException>(() => ImageChange.ApplyAll(new OciImage(), [change])).Message.ShouldBe(message);

    [Fact]
    public void Health_goes_by_its_probes()
    {
        var monitor = new HealthMonitor(new HealthConfig { Test = ["CMD", "x"], Retries = 2, StartPeriod = 10_000_000_000 }, Now);
        monitor.Status.ShouldBe("starting");
        monitor.Add(Probe(1, 1)).ShouldBeNull();
        monitor.Report().FailingStreak.ShouldBe(0);
        monitor.Add(Probe(2, 0)).ShouldBe("healthy");
        monitor.Add(Probe(3, 1)).ShouldBeNull();
        monitor.Add(Probe(4, 1)).ShouldBe("unhealthy");
        for (int i = 5; i < 12; i++) monitor.Add(Probe(i, 0));
        monitor.Report().Log!.Count.ShouldBe(5);
        HealthMonitor.Command(new HealthConfig { Test = ["CMD-SHELL", "a | b"] }, null).ShouldBe(["/bin/sh", "-c", "a | b"]);
        HealthMonitor.Command(new HealthConfig { Test = ["NONE"] }, null).ShouldBeNull();
        static ProbeResult Probe(int second, int exitCode) => new(Now.AddSeconds(second), Now.AddSeconds(second), exitCode, "");
    }
}
