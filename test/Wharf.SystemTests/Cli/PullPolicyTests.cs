using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>podman's pull policy <c>newer</c>, and its <c>--retry</c>.</summary>
public sealed class PullPolicyTests(EngineFixture engine) : IAsyncLifetime
{
    private LocalRegistry _registry = null!;
    private CuttingProxy _line = null!;
    private WharfCli _cli = null!;

    public async ValueTask InitializeAsync()
    {
        _registry = await LocalRegistry.StartAsync();
        _line = new CuttingProxy(_registry.Port);
        _cli = new WharfCli(engine);
        await PushAsync("one");
    }

    public async ValueTask DisposeAsync()
    {
        await _cli.RunAsync("rmi", "-f", App);
        _cli.Dispose();
        _line.Dispose();
        await _registry.DisposeAsync();
    }

    private string App => $"{_line.Address}/policy/app:v1";

    /// <summary>Puts an image with an environment variable of that value under the name at the registry, and removes it here.</summary>
    private async Task PushAsync(string version)
    {
        var name = $"{_registry.Address}/policy/app:v1";
        var id = (await _cli.RunAsync("create", "busybox", "true")).ShouldExit(0).Text;
        (await _cli.RunAsync("commit", "--change", $"ENV VERSION={version}", id, name)).ShouldExit(0);
        (await _cli.RunAsync("rm", id)).ShouldExit(0);
        (await _cli.RunAsync("push", "-q", name)).ShouldExit(0);
        (await _cli.RunAsync("rmi", name)).ShouldExit(0);
    }

    private Task<CommandResult> RunAsync(string policy) => _cli.RunAsync("run", "--rm", "--pull", policy, App, "sh", "-c", "echo $VERSION");

    [Fact]
    public async Task A_newer_image_is_taken_and_the_one_that_is_here_where_the_registry_does_not_answer()
    {
        // Not here: it is pulled.
        (await RunAsync("newer")).ShouldExit(0).Text.ShouldBe("one");
        _line.Forget();
        var again = (await RunAsync("newer")).ShouldExit(0);
        again.Text.ShouldBe("one");
        again.Error.ShouldBeEmpty();
        await PushAsync("two");
        (await RunAsync("missing")).ShouldExit(0).Text.ShouldBe("one");
        (await RunAsync("newer")).ShouldExit(0).Text.ShouldBe("two");
        _line.Failures = int.MaxValue;
        var cut = (await RunAsync("newer")).ShouldExit(0);
        cut.Text.ShouldBe("two");
        cut.Error.ShouldContain("the one that is here is used");
        (await RunAsync("always")).ShouldExit(125);
        (await _cli.RunAsync("pull", "-q", "--policy", "newer", App)).ShouldExit(0).Text.ShouldBe(App);
        (await _cli.RunAsync("rmi", App)).ShouldExit(0);
        (await RunAsync("newer")).ShouldExit(125);
        (await _cli.RunAsync("create", "--pull", "sometimes", App)).ShouldExit(125).Error.ShouldContain("invalid pull option: 'sometimes'");
    }

    [Fact]
    public async Task Pull_takes_the_policies_too()
    {
        (await _cli.RunAsync("pull", "--policy", "never", App)).ShouldExit(1).Error.ShouldContain("is not here");
        (await _cli.RunAsync("pull", "--policy", "missing", App)).ShouldExit(0).Text.ShouldContain("Downloaded newer image");
        await PushAsync("two");
        (await _cli.RunAsync("pull", "--policy", "missing", App)).ShouldExit(0).Text.ShouldBe(App);
        (await _cli.RunAsync("pull", "--policy", "newer", App)).ShouldExit(0).Text.ShouldContain("Downloaded newer image");
        (await _cli.RunAsync("pull", "--policy", "newer", App)).ShouldExit(0).Text.ShouldBe(App);
        (await _cli.RunAsync("pull", "--policy", "never", App)).ShouldExit(0).Text.ShouldBe(App);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("0")]
    public async Task A_build_takes_newer_bases_and_the_one_that_is_here_where_the_registry_does_not_answer(string buildKit)
    {
        _cli.Environment["DOCKER_BUILDKIT"] = buildKit;
        Directory.CreateDirectory(_cli.PathOf("context"));
        await File.WriteAllTextAsync(_cli.PathOf("context/Dockerfile"), $"FROM {App}\n");
        async Task<string> BuildAsync(string pull)
        {
            (await _cli.RunAsync("build", $"--pull={pull}", "-t", "policy-built", _cli.PathOf("context"))).ShouldExit(0);
            return (await _cli.RunAsync("image", "inspect", "-f", "{{.Config.Env}}", "policy-built")).ShouldExit(0).Text;
        }
        (await _cli.RunAsync("build", "--pull=never", _cli.PathOf("context"))).ExitCode.ShouldBe(1);
        (await BuildAsync("newer")).ShouldContain("VERSION=one");
        await PushAsync("two");
        (await BuildAsync("false")).ShouldContain("VERSION=one");
        (await BuildAsync("newer")).ShouldContain("VERSION=two");
        _line.Failures = int.MaxValue;
        (await BuildAsync("newer")).ShouldContain("VERSION=two");
        (await BuildAsync("never")).ShouldContain("VERSION=two");
        (await _cli.RunAsync("build", "--pull", _cli.PathOf("context"))).ExitCode.ShouldBe(1);
        (await _cli.RunAsync("rmi", "policy-built")).ShouldExit(0);
    }

    [Fact]
    public async Task A_failing_registry_is_tried_again_as_often_as_it_was_said_and_a_refusal_is_not()
    {
        // The daemon asks at /v2/ first, where an error of the server's ends its attempt.
        _line.Failures = 2;
        (await _cli.RunAsync("pull", "--retry", "1", "--retry-delay", "10ms", App)).ShouldExit(1).Error.ShouldContain("trying again in 0.01s (1/1)");
        _line.Failures = 2;
        var pulled = (await _cli.RunAsync("pull", "-q", "--retry", "2", "--retry-delay", "10ms", App)).ShouldExit(0);
        pulled.Text.ShouldBe(App);
        pulled.Error.ShouldContain("(2/2)");
        _line.Failures = 1;
        (await _cli.RunAsync("push", "-q", "--retry", "1", App)).ShouldExit(0).Error.ShouldContain("trying again in 1s (1/1)");
        (await _cli.RunAsync("pull", "--retry", "3", $"{_line.Address}/policy/none:v1")).ShouldExit(1).Error.ShouldNotContain("trying again");
    }
}
