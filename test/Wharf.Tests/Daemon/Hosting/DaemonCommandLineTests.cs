using Shouldly;
using Wharf.Daemon.Hosting;
using Wharf.Engine;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Hosting;

public sealed class DaemonCommandLineTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void Flags_are_read_in_all_their_forms()
    {
        File.WriteAllText(_file, "{}");
        var options = DaemonCommandLine.Parse(["--config-file", _file, "-H", "unix:///a.sock", "--host=unix:///b.sock", "--data-root", "/d", "-D", "--insecure-registry=r:5000"]);
        options.Hosts.ShouldBe(["unix:///a.sock", "unix:///b.sock"]);
        options.DataRoot.ShouldBe("/d");
        options.Debug.ShouldBeTrue();
        options.InsecureRegistries.ShouldBe(["r:5000"]);
    }

    [Fact]
    public void The_configuration_file_fills_what_flags_leave_open()
    {
        File.WriteAllText(_file, """{"data-root": "/from/file", "hosts": ["unix:///f.sock"], "max-concurrent-downloads": 7}""");
        var options = DaemonCommandLine.Parse(["--config-file", _file, "--exec-root", "/e"]);
        options.DataRoot.ShouldBe("/from/file");
        options.ExecRoot.ShouldBe("/e");
        options.MaxConcurrentDownloads.ShouldBe(7);
    }

    [Fact]
    public void What_dockers_file_says_and_is_so_anyhow_is_taken_and_named()
    {
        File.WriteAllText(_file, """{"storage-driver": "overlay2", "live-restore": false, "features": {"buildkit": true}, "log-level": "warn"}""");
        var logging = DaemonCommandLine.Parse(["--config-file", _file, "--log-format", "text"]).Logging;
        (logging.Format, logging.Level).ShouldBe(("text", "warn"));
        logging.WithoutEffect.ShouldBe(["live-restore has no effect: containers always outlive the daemon", "features.buildkit=true has no effect"]);
    }

    [Fact]
    public void Dockerds_flags_are_taken_and_those_without_effect_named()
    {
        File.WriteAllText(_file, "{}");
        var options = DaemonCommandLine.Parse(["--config-file", _file, "--live-restore", "--iptables=false", "--ip6tables=false", "--userland-proxy=false", "-s", "overlay2", "--containerd", "/c.sock", "--default-ulimit", "nofile=1:2", "--default-ulimit", "core=3",
            "--init", "--default-runtime", "runc", "--default-shm-size=1g", "--no-new-privileges", "--cgroup-parent", "/p"]);
        options.Logging.WithoutEffect.Select(note => note.Split(' ')[0]).ShouldBe(["ip6tables=false", "containerd"]);
        options.UsesFirewall.ShouldBeFalse();
        options.ContainerDefaults.Ulimits.Select(limit => (limit.Name, limit.Soft, limit.Hard)).ShouldBe([("nofile", 1, 2), ("core", 3, 3)]);
        (options.ContainerDefaults.Init, options.ContainerDefaults.NoNewPrivileges, options.ContainerDefaults.CgroupParent).ShouldBe((true, true, "/p"));
        (options.DefaultRuntime, options.DefaultShmSize).ShouldBe(("runc", 1L << 30));
    }

    [Fact]
    public void A_reload_takes_over_what_may_change_and_nothing_else()
    {
        File.WriteAllText(_file, """{"labels": ["a=1"], "mtu": 1400}""");
        var options = DaemonCommandLine.Parse(["--config-file", _file]);
        File.WriteAllText(_file, """{"labels": ["b=2"], "mtu": 1300, "debug": true}""");
        options.Reload(DaemonCommandLine.Parse(["--config-file", _file]));
        options.Labels.ShouldBe(["b=2"]);
        (options.Mtu, options.Debug).ShouldBe((1400, true));
    }

    [Fact]
    public void The_same_setting_in_both_places_is_refused_by_name()
    {
        File.WriteAllText(_file, """{"data-root": "/from/file"}""");
        Should.Throw<WharfException>(() => DaemonCommandLine.Parse(["--config-file", _file, "--data-root", "/d"]))
            .Message.ShouldBe("the following directives are specified both as a flag and in the configuration file: data-root");
    }

    [Theory]
    [InlineData("""{"data-rot": "/x"}""", "data-rot")]
    [InlineData("""{"hosts": "unix:///x"}""", "hosts")]
    [InlineData("""{"storage-driver": "aufs"}""", "storage-driver \"aufs\" is not supported: there are overlay2, erofs, composefs, fuse-overlayfs, btrfs, zfs and vfs")]
    [InlineData("not json", "unable to configure the daemon")]
    public void A_bad_configuration_file_is_refused_with_the_reason(string json, string part)
    {
        File.WriteAllText(_file, json);
        Should.Throw<WharfException>(() => DaemonCommandLine.Parse(["--config-file", _file])).Message.ShouldContain(part);
    }

    [Theory]
    [InlineData("unknown flag: --frobnicate", "--frobnicate")]
    [InlineData("flag needs an argument: --data-root", "--data-root")]
    [InlineData("not an absolute path", "--data-root", "relative")]
    [InlineData("without TLS lets anyone", "-H", "tcp://0.0.0.0:2375")]
    [InlineData("invalid log format: xml", "--log-format", "xml")]
    [InlineData("invalid logging level: loud", "-l", "loud")]
    [InlineData("not a whole number", "--max-concurrent-downloads", "many")]
    [InlineData("must be at least 1", "--max-concurrent-downloads", "0")]
    [InlineData("accepts no arguments: extra", "extra")]
    public void A_bad_flag_is_refused_with_the_reason(string message, params string[] args)
    {
        File.WriteAllText(_file, "{}");
        Should.Throw<WharfException>(() => DaemonCommandLine.Parse(["--config-file", _file, .. args])).Message.ShouldContain(message);
    }

    [Fact]
    public void Images_as_layers_are_refused_without_root() =>
        Should.Throw<WharfException>(() => new DaemonOptions { StorageDriver = "erofs", RootlessState = "/run/x" }.Validate()).Message.ShouldContain("which --rootless has not");

    public void Dispose() => File.Delete(_file);
}
