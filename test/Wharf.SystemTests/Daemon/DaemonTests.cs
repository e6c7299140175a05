using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Daemon;

/// <summary>The daemon itself: its socket, its versions, its locks.</summary>
public sealed class DaemonTests(EngineFixture engine)
{
    [Fact]
    public async Task The_docker_client_sees_the_engine()
    {
        var version = (await engine.DockerAsync("version", "--format", "{{.Server.Version}} {{.Server.Os}}")).ShouldExit(0);
        version.Text.ShouldEndWith(" linux");
    }

    [Fact]
    public async Task The_socket_is_for_owner_and_group_only()
    {
        if (!engine.IsWharf) return;
        File.GetUnixFileMode(engine.SocketPath).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task A_second_daemon_on_the_same_root_is_refused()
    {
        if (!engine.IsWharf) return;
        var second = await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"),
            ["daemon", "-H", $"unix://{engine.Root}/second.sock", "--data-root", engine.DataRoot, "--exec-root", engine.Root + "/second"]);
        second.ShouldExit(1).Error.ShouldContain("another daemon is using");
    }

    [Theory]
    [InlineData("v1.23", "client version 1.23 is too old")]
    [InlineData("v1.99", "client version 1.99 is too new")]
    public async Task A_version_outside_the_served_range_is_refused(string version, string message)
    {
        var result = await CommandResult.RunAsync("curl", ["-s", "--unix-socket", engine.SocketPath, $"http://d/{version}/_ping"]);
        result.ShouldExit(0).Out.ShouldContain(message);
    }
}
