using System.Diagnostics;
using System.Runtime.InteropServices;
using Shouldly;
using Wharf.Cli.Infra;
using Xunit;

namespace Wharf.Tests.Cli.Infra;

/// <summary>The program that waits.</summary>
public sealed class PauseProgramTests
{
    [Fact]
    public async Task It_runs_and_waits_until_it_is_killed()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("pause-").FullName, "pause");
        var architecture = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => "amd64", Architecture.Arm64 => "arm64", _ => "" };
        Assert.SkipWhen(architecture == "", "there is no such program for this machine");
        await File.WriteAllBytesAsync(path, PauseProgram.For(architecture), TestContext.Current.CancellationToken);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            using var process = Process.Start(path);
            // Asleep in pause(2), with SIGCHLD (bit 16) ignored.
            for (int i = 0; ; i++)
            {
                var status = await File.ReadAllLinesAsync($"/proc/{process.Id}/status", TestContext.Current.CancellationToken);
                var ignored = Convert.ToUInt64(status.Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)).Split('\t')[1], 16);
                if (status.Contains("Name:\tpause") && status.Any(line => line.StartsWith("State:\tS", StringComparison.Ordinal)) && (ignored & 1 << 16) != 0) break;
                i.ShouldBeLessThan(500);
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }
            process.HasExited.ShouldBeFalse();
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            process.ExitCode.ShouldBe(137);
        }
        finally { Directory.Delete(Path.GetDirectoryName(path)!, recursive: true); }
    }

    [Fact]
    public void There_is_one_for_each_machine_that_wharf_runs_on()
    {
        PauseProgram.For("arm64").Length.ShouldBe(64 + 2 * 56 + 16 * 4 + 32);
        PauseProgram.For("arm64")[..4].ShouldBe([0x7f, (byte)'E', (byte)'L', (byte)'F']);
        Should.Throw<NotSupportedException>(() => PauseProgram.For("s390x"));
        PauseProgram.Archive("amd64").Length.ShouldBeLessThan(16384);
    }
}
