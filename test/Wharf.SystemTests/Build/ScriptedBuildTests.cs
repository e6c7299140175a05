using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The script of docs/building-by-script.md, run as it stands there but for its base image and its registry.</summary>
public sealed class ScriptedBuildTests(EngineFixture engine)
{
    [Fact]
    public async Task The_documents_script_builds_an_image_and_pushes_it()
    {
        if (!engine.IsWharf) Assert.Skip("the script is for Wharf's own command line");
        await using var registry = await LocalRegistry.StartAsync();
        var site = Directory.CreateDirectory(Path.Combine(engine.Root, "scripted")).FullName;
        Directory.CreateDirectory(Path.Combine(site, "site"));
        await File.WriteAllTextAsync(Path.Combine(site, "site", "page.html"), "hello", TestContext.Current.CancellationToken);
        var image = registry.Address + "/site:1";
        var lines = Script().Replace("debian:trixie", "busybox", StringComparison.Ordinal).Replace("registry.example/site:1", image, StringComparison.Ordinal)
            .Replace("apt-get update && apt-get install -y --no-install-recommends nginx", "mkdir -p /etc /var/www/html; echo www-data:x:33:33::/:/bin/sh >> /etc/passwd; chown 33:33 /var/www/html", StringComparison.Ordinal);
        lines.ShouldNotContain("apt-get");
        var script = $"set -ex\ncd {site}\nwharf() {{ {Path.Combine(EngineFixture.Binaries, "wharf")} -H {engine.Host} \"$@\"; }}\n{lines}";
        (await CommandResult.RunAsync("sh", ["-c", script], null, 120, new Dictionary<string, string> { ["DOCKER_CONFIG"] = Path.Combine(engine.Root, "docker-config") })).ShouldExit(0);
        (await engine.DockerAsync("rmi", image)).ShouldExit(0);
        (await engine.DockerAsync("pull", "-q", image)).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", image, "cat", "index.txt", "page.html")).ShouldExit(0).Text.ShouldBe("index.txt\npage.html\nhello");
        (await engine.DockerAsync("image", "inspect", image, "--format", "{{.Config.Cmd}} {{.Config.ExposedPorts}} {{.Config.WorkingDir}} {{.Comment}}")).ShouldExit(0).Text
            .ShouldBe("[nginx -g daemon off;] map[80/tcp:{}] /var/www/html site of today");
        (await engine.DockerAsync("rmi", image)).ShouldExit(0);
    }

    private static string Script()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var path = Path.Combine(directory.FullName, "docs", "building-by-script.md");
            if (File.Exists(path)) return File.ReadAllText(path).Split("```sh\n", 2)[1].Split("```", 2)[0];
        }
        throw new FileNotFoundException("no docs/building-by-script.md above the tests");
    }
}
