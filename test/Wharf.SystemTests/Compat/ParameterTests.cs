using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>Parameters that a full session has no use for: headers with credentials, platforms, what the classic builder refuses.</summary>
public sealed class ParameterTests(EngineFixture engine)
{
    private const string Other = "%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22s390x%22%7D";
    private const string NoMatch = "image with reference busybox was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)";

    private static readonly Dictionary<string, string> Credentials = new() { ["X-Registry-Auth"] = Convert.ToBase64String("{\"username\":\"u\",\"password\":\"p\"}"u8) };

    [Fact]
    [Covers("ImageHistory", "platform"), Covers("ImageInspect", "manifests"), Covers("ImagePush", "platform", "X-Registry-Auth"), Covers("ImageDelete", "platforms"), Covers("ImageGet", "platform"), Covers("ImageGetAll", "platform"), Covers("ImageLoad", "platform")]
    public async Task A_platform_that_an_image_has_not_got_is_not_found()
    {
        using var api = new ApiSession(engine.SocketPath);
        Assert.SkipWhen(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64, "the messages name amd64");
        async Task Refused(string operation, string target, string message, int status = 404, IReadOnlyDictionary<string, string>? headers = null) =>
            (await api.CallAsync(operation, target, status, headers: headers)).GetProperty("message").GetString().ShouldBe(message);
        await Refused("ImageHistory", $"/images/busybox/history?platform={Other}", NoMatch);
        await Refused("ImagePush", $"/images/busybox/push?platform={Other}", NoMatch, 404, Credentials);
        await Refused("ImageDelete", $"/images/busybox?platforms={Other}", NoMatch);
        await api.CallAsync("ImageGet", $"/images/busybox/get?platform={Other}", 500);
        await api.CallAsync("ImageGetAll", $"/images/get?names=busybox&platform={Other}", 500);
        const string Unreadable = "failed to parse platform: invalid character 'x' looking for beginning of value";
        await Refused("ImageHistory", "/images/busybox/history?platform=x", Unreadable, 400);
        await Refused("ImageDelete", "/images/no-such-image?platforms=x", Unreadable, 400);
        (await api.CallAsync("ImageLoad", "/images/load?platform=x", 400, Array.Empty<byte>())).GetProperty("message").GetString().ShouldBe(Unreadable);
        (await api.CallAsync("ImageInspect", "/images/busybox/json?manifests=1", 200)).GetProperty("Architecture").GetString().ShouldBe("amd64");
    }

    [Fact]
    [Covers("ImageCreate", "X-Registry-Auth"), Covers("BuildPrune", "keep-storage"), Covers("ImageBuild", "squash", "X-Registry-Config", "Content-type")]
    public async Task Credentials_go_along_and_what_the_builder_cannot_do_is_refused()
    {
        using var api = new ApiSession(engine.SocketPath);
        var failed = await api.CallAsync("ImageCreate", "/images/create?fromImage=127.0.0.1:1/nothing&tag=here", 500, headers: Credentials);
        failed.GetProperty("message").GetString().ShouldBe("Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused");
        (await api.CallAsync("BuildPrune", "/build/prune?keep-storage=1000000000000", 200)).GetProperty("SpaceReclaimed").GetInt64().ShouldBe(0);
        (await api.CallAsync("ImageBuild", "/build?squash=1", 400, Array.Empty<byte>())).GetProperty("message").GetString().ShouldBe("squash is only supported with experimental mode");
        using var context = new MemoryStream();
        using (var tar = new System.Formats.Tar.TarWriter(context, leaveOpen: true))
            tar.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream("FROM busybox\nLABEL with=credentials\n"u8.ToArray()) });
        await api.CallAsync("ImageBuild", "/build?q=1&t=compat-parameters", 200, context.ToArray(), new Dictionary<string, string> { ["X-Registry-Config"] = Convert.ToBase64String("{\"127.0.0.1:1\":{\"username\":\"u\",\"password\":\"p\"}}"u8) });
        // Of outputs the classic builder knows nothing; docker passes over it too.
        await api.CallAsync("ImageBuild", "/build?q=1&t=compat-parameters&outputs=", 200, context.ToArray());
        (await engine.DockerAsync("rmi", "compat-parameters")).ShouldExit(0);
    }

    [Fact]
    [Covers("PluginPull", "X-Registry-Auth"), Covers("PluginUpgrade", "X-Registry-Auth"), Covers("ServiceCreate", "X-Registry-Auth"), Covers("ServiceUpdate", "X-Registry-Auth")]
    public async Task Credentials_for_plugins_and_services_change_no_answer()
    {
        using var api = new ApiSession(engine.SocketPath);
        await api.CallAsync("ServiceCreate", "/services/create", 503, "{}", Credentials);
        await api.CallAsync("ServiceUpdate", "/services/compat-nope/update?version=1", 503, "{}", Credentials);
        await api.CallAsync("PluginUpgrade", "/plugins/compat-nope/upgrade?remote=127.0.0.1:1/x", 404, "[]", Credentials);
        await api.CallAsync("PluginPull", "/plugins/pull?remote=127.0.0.1:1/x&name=x", engine.IsWharf ? 501 : 500, "[]", Credentials);
    }
}
