using System.Globalization;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>A program of the host's as log driver (containerd's <c>binary://</c>): what it is given, and that nothing of it can hold up or harm a container.</summary>
public sealed class LogProgramTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-log-program-").FullName;
    private readonly EngineFixture _engine = new();

    private string Program => Path.Combine(_directory, "program");

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Program, $$"""
            #!/bin/sh
            cd {{_directory}}
            echo "$CONTAINER_ID $CONTAINER_NAMESPACE" > identity
            printf '%s\n' "$@" > arguments
            tr '\0' '\n' < /proc/$$/environ | cut -d= -f1 | sort > variables
            echo $$ > pid
            [ "$1" = refuse ] && exit 3
            [ "$1" = slow ] && delay=2
            [ "$1" = die ] && { exec 5>&-; head -n 1 <&3 > out; exit 4; }
            (exec 5>&- 4<&-; sleep ${delay:-0}; cat <&3 > out) &
            (exec 5>&- 3<&-; cat <&4 > err) &
            exec 3<&- 4<&- 5>&-
            wait
            echo ended > end
            """);
        File.SetUnixFileMode(Program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await _engine.StartOwnAsync("--log-program", Program);
        await _engine.EnsureImageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private string Written(string name) => File.ReadAllText(Path.Combine(_directory, name));

    private async Task EndOfProgramAsync()
    {
        using var patience = new CancellationTokenSource(CommandResult.Patience(20));
        while (!File.Exists(Path.Combine(_directory, "end"))) await Task.Delay(20, patience.Token);
    }

    private Task<CommandResult> RunAsync(string query, string script, params string[] options) =>
        _engine.DockerAsync(["run", "--name", "logged", "--log-driver", $"binary://{Program}{query}", .. options, "busybox", "sh", "-c", script]);

    [Fact]
    public async Task It_gets_every_byte_who_it_is_of_and_its_arguments()
    {
        // Beyond a pipe's and a line's size, with no line end at last; and a byte that is no text.
        (await RunAsync("?--level=a%26b+c&-v&--level=d", "head -c 200000 /dev/zero | tr '\\0' x; printf '\\n\\n\\377\\nrest'; echo wrong >&2")).ShouldExit(0);
        await EndOfProgramAsync();
        (await File.ReadAllBytesAsync(Path.Combine(_directory, "out"), TestContext.Current.CancellationToken)).ShouldBe([.. Enumerable.Repeat((byte)'x', 200000), 10, 10, 0xff, 10, .. "rest"u8]);
        Written("err").ShouldBe("wrong\n");
        Written("identity").ShouldBe((await _engine.DockerAsync("inspect", "-f", "{{.Id}}", "logged")).Text + " wharf\n");
        Written("arguments").ShouldBe("--level\na&b c\n-v\n\n--level\nd\n");
        Written("variables").ShouldBe("CONTAINER_ID\nCONTAINER_NAMESPACE\n");
        (await _engine.DockerAsync("logs", "logged")).ShouldExit(0).Out.ShouldEndWith("rest");
    }

    [Fact]
    public async Task It_outlives_the_daemon()
    {
        (await RunAsync("", "echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after", "-d")).ShouldExit(0);
        var pid = Written("pid").Trim();
        await _engine.KillDaemonAsync();
        await _engine.StartDaemonAsync("--log-program", Program);
        (await _engine.DockerAsync("exec", "logged", "touch", "/go")).ShouldExit(0);
        await EndOfProgramAsync();
        Written("out").ShouldBe("before\nafter\n");
        Written("pid").Trim().ShouldBe(pid, "one for the whole run");
    }

    [Fact]
    public async Task A_slow_one_holds_the_container_back_and_loses_nothing()
    {
        (await RunAsync("?slow", "i=0; while [ $i -lt 300 ]; do head -c 9999 /dev/zero | tr '\\0' y; echo; i=$((i+1)); done; date +%s > /written", "-d")).ShouldExit(0);
        var begun = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        (await _engine.DockerAsync("wait", "logged")).Text.ShouldBe("0");
        await EndOfProgramAsync();
        Written("out").Length.ShouldBe(3_000_000);
        var copied = Path.Combine(_directory, "written");
        (await _engine.DockerAsync("cp", "logged:/written", copied)).ShouldExit(0);
        // More than a mebibyte waits for nobody: the container was still writing when the program began to read.
        long.Parse(Written("written").Trim(), CultureInfo.InvariantCulture).ShouldBeGreaterThan(begun);
    }

    [Fact]
    public async Task One_that_ends_early_takes_no_container_along_and_what_is_lost_is_counted()
    {
        (await RunAsync("?die", "echo one; sleep 0.5; echo two; sleep 0.1; echo three; sleep 0.1; echo four; sleep 0.5; exit 7")).ExitCode.ShouldBe(7);
        Written("out").ShouldBe("one\n");
        (await _engine.DockerAsync("logs", "logged")).Out.ShouldBe("one\ntwo\nthree\nfour\n");
        (await _engine.WharfAsync("logs", "--info", "logged")).ShouldExit(0).Text.ShouldEndWith(" 3");
        (await File.ReadAllTextAsync(Path.Combine(_engine.ExecRoot, "shim", "shim.log"), TestContext.Current.CancellationToken)).ShouldContain("has ended or reads no more");
    }

    [Fact]
    public async Task One_that_is_never_ready_fails_the_start()
    {
        var run = await RunAsync("?refuse", "true");
        run.ExitCode.ShouldBe(125);
        run.Error.ShouldContain($"failed to initialize logging driver: {Program} ended with code 3 before it was ready");
        (await _engine.DockerAsync("inspect", "-f", "{{.State.Status}}", "logged")).Text.ShouldBe("created");
    }

    [Theory]
    [InlineData("binary:///bin/sh?-c=true", "the daemon's log-programs do not name /bin/sh")]
    [InlineData("binary://PROGRAM/../../bin/sh", "not an absolute path")]
    [InlineData("binary://bin/sh", "not an absolute path")]
    [InlineData("binary://PROGRAM?env.LD_PRELOAD=%2Ftmp%2Fx.so", "variables of the program cannot be set")]
    [InlineData("binary://PROGRAM?e%6Ev.LD_PRELOAD=x", "variables of the program cannot be set")]
    [InlineData("binary://PROGRAM?a=%00", "a null byte")]
    public async Task What_the_configuration_does_not_name_is_refused(string driver, string reason)
    {
        using var api = new ApiClient(_engine);
        var named = driver.Replace("PROGRAM", Program, StringComparison.Ordinal);
        var answer = await api.PostAsync("containers/create", "{\"Image\":\"busybox\",\"HostConfig\":{\"LogConfig\":{\"Type\":\"" + named + "\"}}}");
        answer.Status.ShouldBe(400);
        ((string)answer.Body!["message"]!).ShouldContain(reason);
    }

    [Fact]
    public async Task One_that_is_no_longer_allowed_is_not_started()
    {
        (await _engine.DockerAsync("create", "--name", "logged", "--log-driver", $"binary://{Program}", "busybox", "true")).ShouldExit(0);
        await _engine.StopDaemonAsync();
        await _engine.StartDaemonAsync();
        var start = await _engine.DockerAsync("start", "logged");
        start.ExitCode.ShouldBe(1);
        start.Error.ShouldContain("is not allowed");
        File.Exists(Path.Combine(_directory, "identity")).ShouldBeFalse();
    }
}
