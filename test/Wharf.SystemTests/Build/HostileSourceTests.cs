using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Repositories as contexts and sources of ADD that want something of the machine which fetches them (CVE-2026-44517, CVE-2026-33748, CVE-2019-13139).</summary>
public sealed class HostileSourceTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly HostMarker _host = new();
    private readonly string _site = Directory.CreateTempSubdirectory("wharf-hostile-site-").FullName;
    private readonly EngineApi _api = new(engine.SocketPath);
    private FileSite? _server;

    private string Work => Path.Combine(_site, "work");
    private string Address => _server!.Address + "/repo.git";

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(engine.IsWharf, "another engine may be in a network of its own, where it cannot come to this one's servers");
        await RunGitAsync(_site, "init", "-q", "-b", "main", Work);
        await File.WriteAllTextAsync(Work + "/Dockerfile", "FROM busybox\nCOPY . /p\nRUN ls -laR /p; cat /p/* /p/*/* 2>/dev/null; true\n");
        _server = new FileSite(_site);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        _api.Dispose();
        _host.Dispose();
        Directory.Delete(_site, recursive: true);
    }

    private static async Task<string> RunGitAsync(string directory, params string[] args) =>
        (await CommandResult.RunAsync("git", ["-C", directory, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always", .. args])).ShouldExit(0).Text;

    /// <summary>Puts what the work tree and the index have out as the repository that is served.</summary>
    private async Task PublishAsync(bool addAll = true)
    {
        if (addAll) await RunGitAsync(Work, "add", "-A");
        await RunGitAsync(Work, "commit", "-q", "-m", "hostile");
        await ServeAsync();
    }

    private async Task ServeAsync()
    {
        await RunGitAsync(_site, "clone", "-q", "--bare", Work, Path.Combine(_site, "repo.git"));
        await RunGitAsync(Path.Combine(_site, "repo.git"), "update-server-info");
    }

    /// <summary>Builds from the repository, and adds it in a build; gives both answers. The host is untouched, and nothing of it told.</summary>
    private async Task<string> BuildAsync(string fragment = "")
    {
        var context = await _api.PostAsync($"/build?nocache=1&remote={Uri.EscapeDataString(Address + fragment)}");
        using var body = new MemoryStream();
        await using (var tar = new System.Formats.Tar.TarWriter(body, leaveOpen: true))
            tar.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes($"FROM busybox\nADD --keep-git-dir=true {Address}{fragment} /p/\nRUN ls -laR /p; cat /p/* /p/*/* 2>/dev/null; true\n")) });
        var added = await _api.PostTarAsync("/build?nocache=1", body.ToArray());
        var told = context.Text + added.Text;
        told.ShouldNotContain(_host.Secret);
        _host.ShouldBeUntouched();
        return told;
    }

    [Theory]
    [InlineData("#:out")]
    [InlineData("#:up")]
    [InlineData("#:root/OUT")]
    [InlineData("#:dir/out")]
    [InlineData("#main:../../../../../../..OUT")]
    [InlineData("#main:OUT")]
    [InlineData("#:.git/../../..OUT")]
    [InlineData("#:file")]
    public async Task A_subdirectory_is_one_of_the_repository(string fragment)
    {
        Directory.CreateDirectory(Work + "/dir");
        File.CreateSymbolicLink(Work + "/out", _host.Directory);
        File.CreateSymbolicLink(Work + "/up", "../../../../../.." + _host.Directory);
        File.CreateSymbolicLink(Work + "/root", "/");
        File.CreateSymbolicLink(Work + "/dir/out", "../out");
        File.CreateSymbolicLink(Work + "/file", _host.File);
        await PublishAsync();
        (await BuildAsync(fragment.Replace("OUT", _host.Directory, StringComparison.Ordinal))).ShouldContain("rror");
    }

    [Fact]
    public async Task Links_of_a_repository_lead_nowhere_outside_of_it()
    {
        File.CreateSymbolicLink(Work + "/out", _host.Directory);
        File.CreateSymbolicLink(Work + "/.dockerignore", _host.File);
        File.Delete(Work + "/Dockerfile");
        File.CreateSymbolicLink(Work + "/Dockerfile", _host.File);
        await PublishAsync();
        (await BuildAsync()).ShouldContain("Cannot locate specified Dockerfile");
    }

    [Theory]
    [InlineData("--upload-pack=touch OUT/planted", "sub")]
    [InlineData("ext::sh -c touch% OUT/planted", "sub")]
    [InlineData("file://OUT", "sub")]
    [InlineData("OUT", "sub")]
    [InlineData("../../../../../..OUT", "sub")]
    [InlineData("ssh://-oProxyCommand=touch OUT/planted/x", "sub")]
    [InlineData("http://127.0.0.1:1/x.git", "../../../../../..OUT/planted")]
    [InlineData("http://127.0.0.1:1/x.git", "OUT/planted")]
    [InlineData("http://127.0.0.1:1/x.git", ".git/hooks")]
    public async Task A_submodule_is_no_command_and_goes_nowhere_else(string address, string path)
    {
        address = address.Replace("OUT", _host.Directory, StringComparison.Ordinal);
        path = path.Replace("OUT", _host.Directory, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Work + "/.gitmodules", $"[submodule \"sub\"]\n\tpath = {path}\n\turl = {address}\n\tupdate = !touch {_host.Directory}/planted\n");
        await RunGitAsync(Work, "add", "-A");
        if (path == "sub") await RunGitAsync(Work, "update-index", "--add", "--cacheinfo", $"160000,{new string('1', 40)},sub");
        await PublishAsync(addAll: false);
        var told = await BuildAsync();
        if (path == "sub") told.ShouldContain("rror");
    }

    /// <summary>A tree that holds a <c>.git</c> of its own would bring settings and hooks, which are commands.</summary>
    [Theory]
    [InlineData(".git", "hooks/post-checkout")]
    [InlineData(".GIT", "hooks/post-checkout")]
    [InlineData("..", "planted")]
    public async Task A_tree_cannot_bring_settings_or_leave_its_place(string directory, string file)
    {
        var script = Path.Combine(_site, "script");
        await File.WriteAllTextAsync(script, $"#!/bin/sh\ntouch {_host.Directory}/planted\n");
        var blob = await RunGitAsync(Work, "hash-object", "-w", script);
        var inner = blob;
        var mode = "100755 blob";
        foreach (var part in file.Split('/').Reverse().Append(directory))
        {
            inner = await MakeTreeAsync($"{mode} {inner}\t{part}\n");
            mode = "040000 tree";
        }
        await RunGitAsync(Work, "add", "-A");
        await RunGitAsync(Work, "commit", "-q", "-m", "first");
        await RunGitAsync(Work, "update-ref", "refs/heads/main", await RunGitAsync(Work, "commit-tree", "-m", "hostile", inner));
        await ServeAsync();
        (await BuildAsync()).ShouldContain("rror");
    }

    private async Task<string> MakeTreeAsync(string entries) => (await CommandResult.RunAsync("git", ["-C", Work, "mktree"], System.Text.Encoding.UTF8.GetBytes(entries))).ShouldExit(0).Text;

    /// <summary>Filters and drivers that attributes name are only what the settings of the machine make of them, which are none.</summary>
    [Fact]
    public async Task Attributes_of_a_repository_run_nothing()
    {
        await File.WriteAllTextAsync(Work + "/.gitattributes", "* filter=evil diff=evil merge=evil\n");
        await File.WriteAllTextAsync(Work + "/.gitconfig", $"[filter \"evil\"]\n\tsmudge = touch {_host.Directory}/planted\n[core]\n\tfsmonitor = touch {_host.Directory}/planted\n");
        await PublishAsync();
        (await BuildAsync()).ShouldNotContain("\"error\"");
    }

    /// <summary>CVE-2023-26054, CVE-2025-0495: an address's password is for its server, not for what is written or told of the build.</summary>
    [Fact]
    public async Task A_password_in_an_address_leaves_no_trace()
    {
        await PublishAsync();
        var password = "pw-" + Guid.NewGuid().ToString("n");
        var address = Address.Replace("http://", $"http://user:{password}@", StringComparison.Ordinal);
        var context = Directory.CreateDirectory(Path.Combine(_site, "context")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nCOPY --from=named . /named\nARG ADDRESS\nADD --keep-git-dir=true $ADDRESS /p/\n");
        var meta = Path.Combine(_site, "meta");
        var output = Path.Combine(_site, "out");
        CommandResult[] builds =
        [
            (await engine.WharfAsync("build", "--no-cache", "--progress=rawjson", "--provenance=mode=max", "--metadata-file", meta, "-o", $"type=oci,tar=false,dest={output}", address)).ShouldExit(0),
            (await engine.WharfAsync("build", "--no-cache", "--progress=plain", "--build-context", "named=" + address, "--build-arg", "ADDRESS=" + Address, "-o", $"type=oci,tar=false,dest={output}-2", context)).ShouldExit(0),
            (await engine.WharfAsync("build", "--no-cache", "--progress=plain", address + "#nope")).ShouldExit(1),
            (await engine.WharfAsync("build", "--no-cache", "--progress=plain", address.Replace("repo.git", "none", StringComparison.Ordinal))).ShouldExit(1),
            await engine.WharfAsync("build", "why"),
        ];
        foreach (var answer in new[] { await _api.PostAsync($"/build?nocache=1&remote={Uri.EscapeDataString(address)}"), await _api.PostAsync($"/build?nocache=1&remote={Uri.EscapeDataString(address + "#nope")}") })
            answer.Text.ShouldNotContain(password);
        foreach (var told in builds.Select(build => build.Out + build.Error).Append(await File.ReadAllTextAsync(meta)).Append(engine.Log)) told.ShouldNotContain(password);
        foreach (var root in new[] { engine.DataRoot, engine.ExecRoot, output, output + "-2" })
            (await CommandResult.RunAsync("grep", ["-rlF", "--devices=skip", password, root])).Out.ShouldBeEmpty();
    }
}
