using System.Diagnostics;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>A container engine of others on this machine: installed, or in the tree of newer packages that developers have beside it.</summary>
internal static class OtherEngine
{
    private const string NewerPackages = "/run/peers/ns/new", NewerTree = "/var/tmp/wharf-peers/sid";

    /// <summary>The words that start a program of another engine; skips the test where the machine has none.</summary>
    public static IReadOnlyList<string> Find(string name)
    {
        // WHARF_TEST_OWN=1: what Debian has installed here, as on a fresh machine.
        // The pinned namespace exists while the shared peers are up; within it the newer packages lie over the machine's own.
        if (Environment.GetEnvironmentVariable("WHARF_TEST_OWN") != "1" && (File.Exists($"{NewerTree}/usr/bin/{name}") || File.Exists($"{NewerTree}/usr/sbin/{name}")) && CanEnter()) return ["nsenter", $"--mount={NewerPackages}", name];
        foreach (var directory in (string[])["/usr/bin", "/usr/sbin"]) if (File.Exists($"{directory}/{name}")) return [$"{directory}/{name}"];
        Assert.Skip($"{name} is not on this machine");
        return [];
    }

    private static bool CanEnter() => File.Exists(NewerPackages) && CommandResult.RunAsync("nsenter", [$"--mount={NewerPackages}", "true"]).GetAwaiter().GetResult().ExitCode == 0;

    /// <summary>A root file system of busybox in a new directory.</summary>
    public static string MakeRootfs(string directory)
    {
        var rootfs = Directory.CreateDirectory(Path.Combine(directory, "rootfs")).FullName;
        foreach (var name in (string[])["bin", "proc", "dev", "sys", "tmp", "etc"]) Directory.CreateDirectory(Path.Combine(rootfs, name));
        File.Copy("/bin/busybox", Path.Combine(rootfs, "bin", "busybox"));
        foreach (var applet in (string[])["sh", "true", "cat", "sleep", "stty", "tty", "echo"]) File.CreateSymbolicLink(Path.Combine(rootfs, "bin", applet), "busybox");
        return rootfs;
    }

    /// <summary>Runs a command on a terminal of 33 lines of 77 characters (script(1) of util-linux, stty of the shell's own).</summary>
    public static Task<CommandResult> OnTerminalAsync(IEnumerable<string> command, IReadOnlyDictionary<string, string> environment) =>
        CommandResult.RunAsync("script", ["-qec", "stty rows 33 cols 77; exec " + string.Join(' ', command.Select(word => $"'{word}'")), "/dev/null"], seconds: 120, environment: environment);

    /// <summary>Starts a daemon whose output goes to a file.</summary>
    public static Process Start(IReadOnlyList<string> command, string log)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        foreach (var word in (string[])["-c", "log=$0; exec \"$@\" > \"$log\" 2>&1 < /dev/null", log, .. command]) start.ArgumentList.Add(word);
        return Process.Start(start)!;
    }
}
