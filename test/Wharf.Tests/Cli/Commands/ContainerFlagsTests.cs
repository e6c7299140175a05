using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Commands;

/// <summary>From the flags of run to the body of a create request.</summary>
public sealed class ContainerFlagsTests
{
    private static ContainerCreateRequest Build(params string[] words)
    {
        var flags = new FlagSet();
        var container = new ContainerFlags(flags);
        return container.Build(flags.Parse(words), "/run/wharf/wharf.sock");
    }

    [Fact]
    public void The_image_and_its_command_are_what_follows_the_flags()
    {
        var request = Build("--rm", "-it", "busybox", "sh", "-c", "ls --rm");
        request.Image.ShouldBe("busybox");
        request.Cmd.ShouldBe(["sh", "-c", "ls --rm"]);
        request.HostConfig!.AutoRemove.ShouldBe(true);
        (request.Tty, request.OpenStdin, request.StdinOnce, request.AttachStdin).ShouldBe((true, true, true, true));
    }

    [Fact]
    public void Limits_are_read()
    {
        var host = Build("-m", "64m", "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "-1", "--ulimit", "nofile=10:20", "--shm-size", "1m", "x").HostConfig!;
        (host.Memory, host.MemorySwap, host.NanoCpus, host.PidsLimit, host.ShmSize).ShouldBe((67108864, -1, 1_500_000_000, -1, 1048576));
        host.Ulimits!.Single().ShouldBe(new HostConfigUlimits { Name = "nofile", Soft = 10, Hard = 20 });
    }

    [Theory]
    [InlineData(":")]
    [InlineData("a:b")]
    [InlineData("q:/q")]
    public void What_docker_takes_for_a_path_alone_is_one(string text)
    {
        var request = Build("-v", text, "x");
        request.Volumes!.Keys.ShouldBe([text]);
        request.HostConfig!.Binds.ShouldBeNull();
    }

    [Fact]
    public void Volumes_bind_or_are_anonymous()
    {
        var request = Build("-v", "/data", "-v", "/host:/c:ro", "-v", "name:/v", "-v", "./here:/h", "--tmpfs", "/t:size=1m", "x");
        request.Volumes!.Keys.ShouldBe(["/data"]);
        request.HostConfig!.Binds.ShouldBe(["/host:/c:ro", "name:/v", $"{Path.GetFullPath("./here")}:/h"]);
        request.HostConfig.Tmpfs!["/t"].ShouldBe("size=1m");
    }

    [Fact]
    public void Mounts_are_read()
    {
        MountSpec.Parse("type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave").ShouldBe(new Mount { Type = "bind", Source = "/a", Target = "/b", ReadOnly = true, BindOptions = new MountBindOptions { Propagation = "rslave" } });
        var volume = MountSpec.Parse("src=v,target=/b,volume-nocopy,\"volume-opt=o=addr=1,rw\"");
        volume.Type.ShouldBe("volume");
        volume.VolumeOptions!.NoCopy.ShouldBe(true);
        volume.VolumeOptions.DriverConfig!.Options!["o"].ShouldBe("addr=1,rw");
        MountSpec.Parse("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770").TmpfsOptions.ShouldBe(new MountTmpfsOptions { SizeBytes = 1048576, Mode = 0x3f8 });
    }

    [Theory]
    [InlineData("type=bind,src=/x", "target is required")]
    [InlineData("foo", "invalid field 'foo' must be a key=value pair")]
    [InlineData("type=bind,src=/x,dst=/y,foo=bar", "unexpected key 'foo' in 'foo=bar'")]
    [InlineData("type=tmpfs,dst=/y,readonly=x", "invalid value for readonly: x")]
    public void What_is_no_mount_is_refused_in_dockers_words(string text, string message) => Should.Throw<FormatException>(() => MountSpec.Parse(text)).Message.ShouldBe(message);

    [Theory]
    [InlineData("conflicting options: cannot specify both --restart and --rm", "--rm", "--restart", "always")]
    [InlineData("invalid restart policy format: maximum retry count must be an integer", "--restart", "on-failure:x")]
    [InlineData("bad mode specified: foo", "--device", "/x:/y:foo")]
    [InlineData("Invalid --security-opt: \"foo\"", "--security-opt", "foo")]
    [InlineData("--pid: invalid PID mode", "--pid", "foo")]
    [InlineData("network-scoped aliases are only supported for user-defined networks", "--network-alias", "x")]
    [InlineData("x is not a valid mac address", "--mac-address", "x")]
    [InlineData("--no-healthcheck conflicts with --health-* options", "--no-healthcheck", "--health-cmd", "x")]
    public void What_does_not_fit_together_exits_with_125(string message, params string[] words)
    {
        var error = Should.Throw<CliException>(() => Build([.. words, "busybox"]));
        error.Message.ShouldBe(message);
        error.ExitCode.ShouldBe(125);
    }

    [Fact]
    public void A_MAC_address_is_the_first_networks()
    {
        var request = Build("--mac-address", "02:42:00:00:00:08", "x");
        request.MacAddress.ShouldBeNull("docker's clients leave the container's own field out, which the engine warns of");
        request.NetworkingConfig!.EndpointsConfig!["default"]!.MacAddress.ShouldBe("02:42:00:00:00:08");
    }

    [Fact]
    public void Networks_take_a_long_form()
    {
        var request = Build("--network", "name=n,alias=a,ip=10.0.0.2,driver-opt=x=y", "--network", "other", "x");
        request.HostConfig!.NetworkMode.ShouldBe("n");
        var endpoint = request.NetworkingConfig!.EndpointsConfig!["n"];
        endpoint.Aliases.ShouldBe(["a"]);
        endpoint.IPAMConfig!.IPv4Address.ShouldBe("10.0.0.2");
        endpoint.DriverOpts!["x"].ShouldBe("y");
        request.NetworkingConfig.EndpointsConfig.Keys.ShouldBe(["n", "other"]);
    }

    [Fact]
    public void Labels_and_variables_come_from_files_first()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "# comment\n\nA=1\n  B=two words\n");
            var request = Build("--env-file", file, "-e", "A=2", "--label-file", file, "-l", "C", "x");
            request.Env.ShouldBe(["A=1", "B=two words", "A=2"]);
            request.Labels.ShouldBe(new Dictionary<string, string> { ["A"] = "1", ["B"] = "two words", ["C"] = "" });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("busybox", "busybox", "", "")]
    [InlineData("a/b:1", "a/b", "1", "")]
    [InlineData("localhost:5000/a", "localhost:5000/a", "", "")]
    [InlineData("localhost:5000/a:1@sha256:ab", "localhost:5000/a", "1", "sha256:ab")]
    public void References_split_into_name_tag_and_digest(string text, string name, string tag, string digest) => Reference.Split(text).ShouldBe((name, tag, digest));
}
