using System.Diagnostics;
using System.Net.Sockets;

namespace Wharf.Benchmarks.Containers;

/// <summary>A daemon under roots of its own that is stopped and started again.</summary>
public sealed class RestartableDaemon : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-bench-").FullName;
    private readonly string _program;
    private readonly string[] _arguments;
    private Process? _process;

    public RestartableDaemon(string name, string program, Func<string, string[]> arguments)
    {
        (Name, _program, _arguments) = (name, program, arguments(_root));
        Start();
    }

    public string Name { get; }
    public string Host => $"unix://{_root}/w.sock";

    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);

    /// <summary>Stops it, starts it, and tells how many milliseconds it takes from the exec to the first answer.</summary>
    public double Restart()
    {
        Stop();
        return Start();
    }

    private double Start()
    {
        var watch = Stopwatch.StartNew();
        _process = Process.Start(new ProcessStartInfo(_program, _arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var errors = _process.StandardError.ReadToEndAsync();
        _ = _process.StandardOutput.ReadToEndAsync();
        while (!Answers())
        {
            if (_process.HasExited) throw new InvalidOperationException($"{Name} ended at its start: {errors.Result}");
            if (watch.Elapsed > TimeSpan.FromMinutes(2)) throw new TimeoutException($"{Name} does not answer");
            Thread.Sleep(1);
        }
        return watch.Elapsed.TotalMilliseconds;
    }

    private bool Answers()
    {
        try
        {
            using var client = new EngineClient(Name, Host);
            return client.Send("GET", "/containers/json?limit=1").Length > 0;
        }
        catch (Exception error) when (error is SocketException or IOException) { return false; }
    }

    private void Stop()
    {
        if (_process is not { } process) return;
        _process = null;
        using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString()])) kill.WaitForExit();
        process.WaitForExit();
        process.Dispose();
    }

    public void Dispose()
    {
        Stop();
        Directory.Delete(_root, recursive: true);
    }
}
