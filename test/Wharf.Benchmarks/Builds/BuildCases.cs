using System.Diagnostics;
using System.Formats.Tar;
using System.Text;

namespace Wharf.Benchmarks.Builds;

/// <summary>
/// Builds by the docker CLI, classic and with BuildKit, of both engines in turn: what a user waits for. WHARF_DOCKER_PLUGINS is the directory of
/// buildx where neither the CLI nor DOCKER_CONFIG has it.
/// </summary>
public static class BuildCases
{
    private const int Steps = 20, ContextFiles = 10_000, CopiedFiles = 20_000;

    private static readonly (string Name, string Value)[] Fronts = [("classic", "0"), ("buildx", "1")];

    public static void Run(string binaries, string? peer, int rounds)
    {
        var root = Directory.CreateTempSubdirectory("wharf-bench-builds-").FullName;
        using var wharf = new WharfProcess(binaries);
        var engines = new List<(string Name, string Host, string? Mark)> { ("wharf", wharf.Host, null) };
        if (peer is not null) engines.Add(("dockerd", peer, null));
        using var report = new Report(engines);
        try
        {
            Configure(root);
            // At once, and not after minutes, when buildx is missing.
            Docker(root, report.Engines[0], "1", "buildx", "version");
            foreach (var engine in report.Engines) BenchImage.Ensure(engine.Host);
            MeasureEngines(report, root, binaries, rounds);
            foreach (var (front, value) in Fronts) Measure(report, root, front, value, rounds);
            report.Print();
        }
        finally
        {
            foreach (var engine in report.Engines.Skip(1)) Docker(root, engine, "0", "rmi", "-f", Tag);
            Directory.Delete(root, recursive: true);
        }
    }

    private const string Tag = "wharf-bench-built";

    /// <summary>The engine's share of a build that is all cached: the request alone, and the BuildKit protocol by a client that itself takes some milliseconds.</summary>
    private static void MeasureEngines(Report report, string root, string binaries, int rounds)
    {
        var dockerfile = TwentySteps("engine");
        var tar = Tar($"FROM {BenchImage.Name}\n{dockerfile}");
        report.Case($"{Steps} steps, all cached, POST /build without a client", rounds, engine => Posted(engine, tar));
        var context = Context(root, "engine", dockerfile);
        report.Case($"{Steps} steps, all cached, BuildKit protocol by wharf build", rounds, WharfBuild);
        report.Case($"{Steps} steps, all cached, wharf build beside docker build", rounds, engine => engine == report.Engines[0] ? WharfBuild(engine) : Build(root, engine, "1", context));

        IEnumerable<(string, double)> WharfBuild(EngineClient engine) => Ran(Path.Combine(binaries, "wharf"), engine, ["-H", engine.Host, "build", "-q", "-t", Tag, context]);
    }

    private static string TwentySteps(string mark) => string.Concat(Enumerable.Range(0, Steps).Select(step => $"RUN echo {mark} {step} > /file{step}\n"));

    private static byte[] Tar(string dockerfile)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(dockerfile)) });
        return bytes.ToArray();
    }

    private static IEnumerable<(string, double)> Posted(EngineClient engine, byte[] tar)
    {
        var watch = Stopwatch.StartNew();
        var answer = engine.Send("POST", "/build?t=" + Tag, tar, "application/x-tar");
        yield return ("", watch.Elapsed.TotalMilliseconds);
        if (!answer.Contains("Successfully built", StringComparison.Ordinal)) throw new InvalidOperationException($"{engine.Name}: {answer}");
    }

    private static IEnumerable<(string, double)> Ran(string program, EngineClient engine, string[] args)
    {
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        yield return ("", watch.Elapsed.TotalMilliseconds);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{engine.Name}: {string.Join(' ', args)}: {process.ExitCode} {error.Result}");
    }

    private static void Measure(Report report, string root, string front, string value, int rounds)
    {
        var steps = Context(root, "steps", TwentySteps("step"));
        report.Case($"{Steps} steps, nothing cached, {front}", Math.Min(rounds, 3), engine => Build(root, engine, value, steps, "--no-cache"));
        report.Case($"{Steps} steps, all cached, {front}", rounds, engine => Build(root, engine, value, steps));

        var files = Context(root, "files", "COPY . /files/\n");
        Fill(files, ContextFiles);
        int change = 0;
        report.Case($"one changed file of {ContextFiles}, {front}", Math.Min(rounds, 3), engine =>
        {
            File.WriteAllText(Path.Combine(files, "0/0"), $"changed {++change} {Guid.NewGuid()}");
            return Build(root, engine, value, files);
        });

        var stages = Path.Combine(root, "stages");
        Directory.CreateDirectory(stages);
        File.WriteAllText(Path.Combine(stages, "Dockerfile"), string.Concat(Enumerable.Range(0, 4).Select(stage => $"FROM {BenchImage.Name} AS s{stage}\nRUN sleep 1 && echo {stage} > /f{stage}\n"))
            + $"FROM {BenchImage.Name}\n" + string.Concat(Enumerable.Range(0, 4).Select(stage => $"COPY --from=s{stage} /f{stage} /\n")));
        report.Case($"four stages of a second each, {front}", Math.Min(rounds, 3), engine => Build(root, engine, value, stages, "--no-cache"));

        var copied = Context(root, "copied", "COPY . /files/\n");
        Fill(copied, CopiedFiles);
        report.Case($"COPY of {CopiedFiles} files, {front}", Math.Min(rounds, 3), engine => Build(root, engine, value, copied, "--no-cache"));
    }

    private static string Context(string root, string name, string dockerfile)
    {
        var context = Path.Combine(root, name);
        Directory.CreateDirectory(context);
        File.WriteAllText(Path.Combine(context, "Dockerfile"), $"FROM {BenchImage.Name}\n{dockerfile}");
        return context;
    }

    private static void Fill(string context, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (i % 100 == 0) Directory.CreateDirectory(Path.Combine(context, $"{i / 100}"));
            File.WriteAllText(Path.Combine(context, $"{i / 100}", $"{i % 100}"), $"file {i}\n");
        }
    }

    private static IEnumerable<(string, double)> Build(string root, EngineClient engine, string buildkit, string context, params string[] flags)
    {
        var watch = Stopwatch.StartNew();
        Docker(root, engine, buildkit, ["build", "-q", "-t", Tag, .. flags, context]);
        yield return ("", watch.Elapsed.TotalMilliseconds);
    }

    private static void Configure(string root)
    {
        var plugins = Environment.GetEnvironmentVariable("WHARF_DOCKER_PLUGINS") is { Length: > 0 } given ? given
            : Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } own ? Path.Combine(own, "cli-plugins") : null;
        Directory.CreateDirectory(Path.Combine(root, "config"));
        File.WriteAllText(Path.Combine(root, "config", "config.json"), plugins is null ? "{}" : $"{{\"cliPluginsExtraDirs\": [\"{plugins}\"]}}");
    }

    private static void Docker(string root, EngineClient engine, string buildkit, params string[] args)
    {
        var start = new ProcessStartInfo("docker", args) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment["DOCKER_HOST"], start.Environment["DOCKER_BUILDKIT"], start.Environment["DOCKER_CONFIG"]) = (engine.Host, buildkit, Path.Combine(root, "config"));
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{engine.Name}: docker {string.Join(' ', args)}: {process.ExitCode} {error.Result}");
    }
}
