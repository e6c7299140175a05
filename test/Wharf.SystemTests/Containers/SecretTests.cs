using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Secrets of plain containers (Wharf's own).</summary>
public sealed class SecretTests(EngineFixture engine)
{
    private readonly string _name = "secret-" + Guid.NewGuid().ToString("n")[..8];
    private readonly string _value = "v" + Guid.NewGuid().ToString("n");

    private async Task CreateAsync() => (await engine.WharfAsync(System.Text.Encoding.UTF8.GetBytes(_value), "secret", "create", "-l", "a=b", _name, "-")).ShouldExit(0);

    private async Task RemoveAsync() => (await engine.WharfAsync("secret", "rm", _name)).ShouldExit(0);

    [Fact]
    public async Task A_container_sees_its_secrets_as_files_and_variables()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has secrets in a swarm only");
        await CreateAsync();
        string[] run = ["run", "--rm", "--secret", _name, "--secret", $"{_name},target=/etc/own,uid=7,gid=8,mode=0400", "--secret", $"{_name},type=env,target=TOKEN", "busybox", "sh", "-c",
            $"cat /run/secrets/{_name} /etc/own; echo $TOKEN; stat -c '%u %g %a' /run/secrets/{_name} /etc/own; echo x > /etc/own || echo read-only; grep -c ' /etc/own .*nodev' /proc/self/mountinfo"];
        (await engine.WharfAsync(run)).ShouldExit(0).Text.ShouldBe($"{_value}{_value}{_value}\n0 0 444\n7 8 400\nread-only\n1");
        await RemoveAsync();
    }

    [Fact]
    public async Task A_value_is_only_where_it_belongs()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has secrets in a swarm only");
        await CreateAsync();
        var id = (await engine.WharfAsync("run", "-d", "--secret", _name, "--secret", $"{_name},type=env", "busybox", "sh", "-c", "sleep 1000")).ShouldExit(0).Text;
        try
        {
            (await engine.DockerAsync("commit", id, _name)).ShouldExit(0);
            foreach (var told in new[] { (await engine.DockerAsync("inspect", id)).Text, (await engine.DockerAsync("inspect", _name)).Text, (await engine.DockerAsync("history", "--no-trunc", _name)).Text, (await engine.WharfAsync("secret", "inspect", _name)).Text, engine.Log })
                told.ShouldNotContain(_value);
            (await engine.DockerAsync("run", "--rm", _name, "sh", "-c", $"cat /run/secrets/{_name}; env")).Out.ShouldNotContain(_value);
            (await engine.DockerAsync("rmi", _name)).ShouldExit(0);
            var found = await CommandResult.RunAsync("grep", ["-rlF", _value, engine.DataRoot]);
            found.Text.Split('\n').ShouldHaveSingleItem().ShouldStartWith(Path.Combine(engine.DataRoot, "secrets"));
            File.GetUnixFileMode(found.Text).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        finally { await engine.DockerAsync("rm", "-f", id); }
        (await CommandResult.RunAsync("grep", ["-rlF", _value, engine.ExecRoot])).Text.ShouldBe("");
        await RemoveAsync();
        (await CommandResult.RunAsync("grep", ["-rlF", _value, engine.DataRoot])).Text.ShouldBe("");
    }

    [Fact]
    public async Task Secrets_outlive_the_daemon_and_stay_while_they_are_used()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has secrets in a swarm only");
        await using var own = new EngineFixture();
        await own.StartOwnAsync();
        await own.EnsureImageAsync();
        (await own.WharfAsync(System.Text.Encoding.UTF8.GetBytes(_value), "secret", "create", _name)).ShouldExit(0);
        var id = (await own.WharfAsync("run", "-d", "--restart", "always", "--secret", _name, "busybox", "sleep", "1000")).ShouldExit(0).Text;
        await own.KillDaemonAsync();
        await own.StartDaemonAsync();
        (await own.WharfAsync("secret", "ls", "--format", "{{.Name}} {{.Size}}")).Text.ShouldBe($"{_name} {_value.Length}B");
        (await own.WharfAsync("exec", id, "cat", $"/run/secrets/{_name}")).Text.ShouldBe(_value);
        (await own.WharfAsync("restart", "-t", "0", id)).ShouldExit(0);
        (await own.WharfAsync("exec", id, "cat", $"/run/secrets/{_name}")).Text.ShouldBe(_value);
        (await own.WharfAsync("secret", "rm", _name)).ShouldExit(1).Error.ShouldContain("is in use by container");
        (await own.WharfAsync("rm", "-f", id)).ShouldExit(0);
        (await own.WharfAsync("secret", "rm", _name)).ShouldExit(0);
        (await own.WharfAsync("secret", "inspect", _name)).ShouldExit(1).Error.ShouldContain($"no such secret: {_name}");
    }

    [Theory]
    [InlineData("no-such", "no such secret: no-such")]
    [InlineData("x,type=disk", "type \"disk\" is neither mount nor env")]
    [InlineData("x,mode=999", "mode \"999\" is not octal")]
    [InlineData("x,uid=me", "\"me\" is not a number")]
    [InlineData("x,target=../../etc/passwd", "leads out of its directory")]
    [InlineData("x,colour=red", "unknown option \"colour\"")]
    public async Task What_cannot_be_is_refused(string secret, string message)
    {
        Assert.SkipUnless(engine.IsWharf, "docker has secrets in a swarm only");
        (await engine.WharfAsync("create", "--secret", secret, "busybox")).ShouldExit(1).Error.ShouldContain(message);
        (await engine.WharfAsync([1], "secret", "create", "../x")).ShouldExit(1).Error.ShouldContain("invalid secret name");
        (await engine.WharfAsync([], "secret", "create", "empty")).ShouldExit(1).Error.ShouldContain("Data must be 1 to 512000 bytes");
    }
}
