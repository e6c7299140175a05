using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The real <c>docker buildx bake</c>: targets of a matrix, and those of a compose file.</summary>
public sealed class BakeTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-bake-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private async Task WriteAsync(string name, string text)
    {
        var path = Path.Combine(_context, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, text, TestContext.Current.CancellationToken);
    }

    private Task<CommandResult> BakeAsync(string file, params string[] args) => Buildx.RunAsync(engine, ["buildx", "bake", "--allow", "fs=*", "-f", Path.Combine(_context, file), .. args]);

    private async Task<string> RunAsync(string image, params string[] command) => (await engine.DockerAsync(["run", "--rm", image, .. command])).ShouldExit(0).Text;

    [Fact]
    public async Task A_matrix_is_a_target_for_each_of_its_combinations()
    {
        await WriteAsync("Dockerfile", """
            FROM busybox AS debug
            ARG VERSION
            RUN echo "$VERSION with symbols" > /kind
            FROM busybox AS release
            ARG VERSION
            RUN echo "$VERSION" > /kind
            """);
        await WriteAsync("docker-bake.hcl", $$"""
            variable "VERSIONS" { default = "1.0,2.1" }
            function "tag" {
              params = [version, kind]
              result = "wharf-bake-matrix:${replace(version, ".", "-")}-${kind}"
            }
            target "default" {
              name = "app-${kind}-${replace(version, ".", "-")}"
              matrix = {
                kind = ["debug", "release"]
                version = split(",", VERSIONS)
              }
              context = "{{_context}}"
              target = kind
              args = { VERSION = version }
              labels = { "version" = version }
              tags = [tag(version, kind)]
            }
            """);
        var plan = JsonNode.Parse((await BakeAsync("docker-bake.hcl", "--print")).ShouldExit(0).Out)!;
        plan["target"]!.AsObject().Select(static pair => pair.Key).Order(StringComparer.Ordinal).ShouldBe(["app-debug-1-0", "app-debug-2-1", "app-release-1-0", "app-release-2-1"]);
        (await BakeAsync("docker-bake.hcl")).ShouldExit(0);
        foreach (var version in new[] { "1.0", "2.1" })
        {
            var name = $"wharf-bake-matrix:{version.Replace('.', '-')}-";
            (await RunAsync(name + "debug", "cat", "/kind")).ShouldBe(version + " with symbols");
            (await RunAsync(name + "release", "cat", "/kind")).ShouldBe(version);
            (await engine.DockerAsync("image", "inspect", name + "release", "--format", "{{.Config.Labels.version}}")).ShouldExit(0).Text.ShouldBe(version);
        }
        // One combination by its name, the rest of it changed on the command line.
        (await BakeAsync("docker-bake.hcl", "--set", "*.args.VERSION=3.2", "app-release-1-0")).ShouldExit(0);
        (await RunAsync("wharf-bake-matrix:1-0-release", "cat", "/kind")).ShouldBe("3.2");
        (await RunAsync("wharf-bake-matrix:1-0-debug", "cat", "/kind")).ShouldBe("1.0 with symbols");
    }

    [Fact]
    public async Task A_compose_file_is_baked_with_its_extensions()
    {
        await WriteAsync("web/Dockerfile", "FROM busybox AS base\nRUN echo base > /made\nFROM base\nARG WHO\nRUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null && echo \"$WHO\" > /who\n");
        await WriteAsync("token", "hidden value");
        await WriteAsync("compose.yaml", $$"""
            services:
              web:
                image: wharf-bake-web
                build:
                  context: {{_context}}/web
                  args: {WHO: compose}
                  labels: {of: compose}
                  secrets: [token]
                  x-bake:
                    tags: [wharf-bake-web:extra]
              job:
                build:
                  context: {{_context}}/web
                  target: base
                  tags: [wharf-bake-job]
                depends_on: [web]
              other:
                image: busybox
            secrets:
              token: {file: {{_context}}/token}
            """);
        (await BakeAsync("compose.yaml", "--metadata-file", Path.Combine(_context, "meta.json"))).ShouldExit(0);
        (await RunAsync("wharf-bake-web:extra", "cat", "/who")).ShouldBe("compose");
        (await RunAsync("wharf-bake-job", "cat", "/made")).ShouldBe("base");
        (await engine.DockerAsync("run", "--rm", "wharf-bake-job", "cat", "/who")).ExitCode.ShouldNotBe(0);
        (await engine.DockerAsync("image", "inspect", "wharf-bake-web:extra", "--format", "{{.Config.Labels.of}}")).ShouldExit(0).Text.ShouldBe("compose");
        var told = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_context, "meta.json"), TestContext.Current.CancellationToken))!;
        told.AsObject().Select(static pair => pair.Key).Where(static name => name != "buildx.build.warnings").Order(StringComparer.Ordinal).ShouldBe(["job", "web"]);
        (await BakeAsync("compose.yaml", "--set", "web.args.WHO=another", "web")).ShouldExit(0);
        (await RunAsync("wharf-bake-web:extra", "cat", "/who")).ShouldBe("another");
    }
}
