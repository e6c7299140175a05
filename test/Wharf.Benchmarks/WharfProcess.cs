using System.Diagnostics;
using System.Formats.Tar;

namespace Wharf.Benchmarks;

/// <summary>The published daemon, started under roots of its own for the time of the run.</summary>
public sealed class WharfProcess : IDisposable
{
    private readonly Process _process;

    public WharfProcess(string binaries)
    {
        Root = Directory.CreateTempSubdirectory("wharf-bench-").FullName;
        Host = $"unix://{Root}/wharf.sock";
        _process = Process.Start(new ProcessStartInfo(Path.Combine(binaries, "wharf"), ["daemon", "-H", Host, "--data-root", Root + "/data", "--exec-root", Root + "/run"]) { RedirectStandardError = true })!;
        while (_process.StandardError.ReadLine() is { } line)
            if (line.Contains("daemon ready", StringComparison.Ordinal)) { _ = _process.StandardError.ReadToEndAsync(); return; }
        throw new InvalidOperationException("the daemon ended at its start");
    }

    public string Root { get; }
    public string Host { get; }

    /// <summary>The most memory the daemon ever used, in bytes.</summary>
    public long PeakMemory => File.ReadLines($"/proc/{_process.Id}/status").Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024).First();

    public void Dispose()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString()])) kill.WaitForExit();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}

/// <summary>Puts the image <c>wharf-bench:latest</c> (static busybox) into an engine that has not got it.</summary>
public static class BenchImage
{
    public const string Name = "wharf-bench:latest";

    public static void Ensure(string host)
    {
        if (Docker(host, null, "image", "inspect", Name) == 0) return;
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, leaveOpen: true))
        {
            foreach (var name in (string[])["bin/", "dev/", "proc/", "sys/", "etc/", "tmp/"]) tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, name));
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "bin/busybox") { Mode = (UnixFileMode)0b111_101_101, DataStream = File.OpenRead("/bin/busybox") });
            foreach (var applet in (string[])["true", "sh", "sleep", "cat", "yes", "head", "seq"]) tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "bin/" + applet) { LinkName = "busybox" });
        }
        if (Docker(host, stream.ToArray(), "import", "-", Name) != 0) throw new InvalidOperationException($"cannot import {Name} into {host}");
    }

    private static int Docker(string host, byte[]? stdin, params string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo("docker", ["-H", host, .. args]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.StandardInput.BaseStream.Write(stdin);
        process.StandardInput.Close();
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return process.ExitCode;
    }
}
