using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build.Corpus;

/// <summary>
/// Small applications with the compilers and interpreters of this machine's Debian, in several stages. They build and run; and where a real dockerd
/// answers, its BuildKit makes the same files and the same configuration of them.
/// </summary>
public sealed class ApplicationTests(EngineFixture engine)
{
    private static readonly string Apps = Path.Combine(AppContext.BaseDirectory, "Build", "Corpus", "apps");
    private const string Peer = "/run/peer-docker.sock";
    /// <summary>Seconds for a compiler on a machine that has other work.</summary>
    private const int Patience = 600;

    [Fact]
    public Task A_program_in_C_is_built() => BuildAsync("c", ["gcc", "libc6-dev", "libcap2-bin", "coreutils", "dash"], "one two\nthree\n", "3 words");

    [Fact]
    public Task A_program_in_Python_is_built() => BuildAsync("python", ["python3", "coreutils", "dash"], "", "hello, a reader /venv");

    [Fact]
    public Task A_program_for_Node_is_built() => BuildAsync("node", ["nodejs", "coreutils", "dash"], "", "{\"to\":2,\"be\":1}");

    [Fact]
    public Task A_program_for_dotnet_is_built()
    {
        var root = Path.GetDirectoryName(new FileInfo("/usr/bin/dotnet").ResolveLinkTarget(returnFinalTarget: true)?.FullName) ?? "";
        if (!Directory.Exists(Path.Combine(root, "sdk"))) Assert.Skip("no /usr/bin/dotnet that leads to an SDK");
        return BuildAsync("dotnet", ["libstdc++6", "zlib1g", "libssl3", "coreutils", "dash"], "to be to\n", "3 words", root, [.. CompilerFiles(root)]);
    }

    /// <summary>Of an SDK of 600 MB what compiles and runs a program: the host, the runtime, what programs are compiled against, and Roslyn.</summary>
    private static IEnumerable<string> CompilerFiles(string root)
    {
        var roslyn = Directory.GetDirectories(Path.Combine(root, "sdk"), "*.*").Order(StringComparer.Ordinal).Last() + "/Roslyn/bincore";
        return
        [
            root + "/dotnet", root + "/host/fxr", root + "/shared/Microsoft.NETCore.App", .. Directory.GetFiles(root + "/packs/Microsoft.NETCore.App.Ref", "*.dll", SearchOption.AllDirectories),
            roslyn + "/csc.dll", roslyn + "/csc.deps.json", roslyn + "/csc.runtimeconfig.json", roslyn + "/Microsoft.CodeAnalysis.dll", roslyn + "/Microsoft.CodeAnalysis.CSharp.dll",
        ];
    }

    /// <param name="programs">A directory that PATH names besides those of the packages.</param>
    /// <param name="paths">Files and whole directories that the base image has besides the packages.</param>
    private async Task BuildAsync(string name, string[] packages, string input, string output, string? programs = null, params string[] paths)
    {
        var root = Directory.CreateTempSubdirectory("wharf-app-").FullName;
        var (image, below) = ("wharf-app-made-" + name, "wharf-app-" + name);
        try
        {
            var tar = Path.Combine(root, "base.tar");
            await DebianImage.WriteAsync(tar, packages, paths);
            var context = CopyContext(name, Path.Combine(root, "context"));
            await MakeAsync(engine.Host, tar, programs, below, image, context);
            (await engine.DockerAsync(System.Text.Encoding.UTF8.GetBytes(input), "run", "-i", "--rm", image)).ShouldExit(0).Text.ShouldBe(output);
            if (!engine.IsWharf || !File.Exists(Peer)) return;
            using (await PeerDocker.ConnectOrSkipAsync()) { }
            Buildx.Require("docker-buildx");
            try
            {
                await MakeAsync("unix://" + Peer, tar, programs, below, image, context);
                var (here, there) = (await DescribedAsync(engine.SocketPath, image, below), await DescribedAsync(Peer, image, below));
                here.ToJsonString().ShouldBe(there.ToJsonString());
            }
            finally { await DockerAsync("unix://" + Peer, "rmi", "-f", image, below); }
        }
        finally
        {
            await DockerAsync(engine.Host, "rmi", "-f", image, below);
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>The application's files, all with the same times. A file of C# is no part of the tests' own program, hence its longer name there.</summary>
    private static string CopyContext(string name, string to)
    {
        var from = Path.Combine(Apps, name);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file).Replace(".cs.txt", ".cs", StringComparison.Ordinal));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
            File.SetUnixFileMode(target, (UnixFileMode)0b110_100_100);
        }
        foreach (var path in Directory.EnumerateFileSystemEntries(to, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length))
        {
            if (Directory.Exists(path)) Directory.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(1_600_000_000));
            else File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(1_600_000_000));
        }
        return to;
    }

    private async Task MakeAsync(string host, string tar, string? programs, string below, string image, string context)
    {
        string[] path = programs is null ? [] : ["--change", $"ENV PATH=/usr/bin:/bin:{programs}"];
        (await DockerAsync(host, ["import", .. path, tar, below])).ShouldExit(0);
        string[] build = ["build", "-t", image, context];
        (host == engine.Host && engine.IsWharf ? await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", host, "build", "--progress=plain", .. build[1..]], null, Patience) : await DockerAsync(host, build)).ShouldExit(0);
    }

    private Task<CommandResult> DockerAsync(string host, params string[] args) =>
        CommandResult.RunAsync("docker", args, null, Patience, new Dictionary<string, string> { ["DOCKER_HOST"] = host, ["DOCKER_CONFIG"] = Buildx.Config(engine), ["BUILDKIT_PROGRESS"] = "plain" });

    private static async Task<JsonObject> DescribedAsync(string socket, string image, string below)
    {
        using var http = ImageDescription.Client(socket);
        return await ImageDescription.OfAsync(http, image, below);
    }
}
