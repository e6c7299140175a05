using System.Diagnostics;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Packaging;

/// <summary>The packages, for dpkg, for rpm and as an archive: what is in each, that its programs run from where it puts them, and that a newer one takes the place of an older one under running containers.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-package-").FullName;

    private string Installed => Path.Combine(_root, "x");
    private string Host => $"unix://{_root}/w.sock";

    [Theory]
    [InlineData("deb", "dpkg-deb", "usr/share/zsh/vendor-completions/_wharf")]
    [InlineData("rpm", "rpmbuild", "usr/share/zsh/site-functions/_wharf")]
    [InlineData("tar", "tar", "usr/share/zsh/site-functions/_wharf")]
    public async Task The_package_runs_from_its_places_and_is_upgraded_under_a_running_container(string kind, string tool, string zsh)
    {
        var scripts = Repository();
        Assert.SkipWhen(scripts is null || !File.Exists(Path.Combine("/usr/bin", tool)), $"no packaging/{kind}.sh above the tests, or no {tool} on this machine");
        Directory.CreateDirectory(Path.Combine(_root, "out"));
        foreach (var name in (string[])["wharf", "wharf-runtime", "libe_sqlite3.so"])
            if (File.Exists(Path.Combine(EngineFixture.Binaries, name))) File.Copy(Path.Combine(EngineFixture.Binaries, name), Path.Combine(_root, "out", name));
        var quick = new Dictionary<string, string> { ["WHARF_DEB_COMPRESSION"] = "none", ["WHARF_RPM_COMPRESSION"] = "w0.gzdio" };
        var package = (await CommandResult.RunAsync("bash", [Path.Combine(scripts, "packaging", kind + ".sh"), Path.Combine(_root, "out")], null, 120, quick)).ShouldExit(0).Text;
        await InstallAsync(package);
        await CheckFilesAsync(zsh);
        if (kind == "deb") (await CommandResult.RunAsync("dpkg-deb", ["-f", package, "Package", "Architecture"], null, 30)).ShouldExit(0).Out.ShouldContain("Package: wharf");
        if (kind == "rpm") (await CommandResult.RunAsync("rpm", ["-qp", "--qf", "%{NAME} [%{REQUIRENAME} ]", package], null, 30)).ShouldExit(0).Out.ShouldSatisfyAllConditions(told => told.ShouldStartWith("wharf "), told => told.ShouldContain(" libnftables.so.1()(64bit) "));

        var daemon = await StartAsync();
        try
        {
            (await DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
            (await DockerAsync(null, "run", "-d", "--name", "lasting", "busybox", "sh", "-c", "echo before; exec sleep 600")).ShouldExit(0);
            var pid = (await DockerAsync(null, "inspect", "-f", "{{.State.Pid}}", "lasting")).ShouldExit(0).Text;
            // What dpkg does with each file: the new one beside it, then a rename over it.
            await InstallAsync(package);
            await StopAsync(daemon);
            daemon = await StartAsync();
            (await DockerAsync(null, "inspect", "-f", "{{.State.Pid}} {{.State.Status}} {{.RestartCount}}", "lasting")).ShouldExit(0).Text.ShouldBe($"{pid} running 0");
            (await DockerAsync(null, "exec", "lasting", "echo", "after")).ShouldExit(0).Text.ShouldBe("after");
            (await DockerAsync(null, "logs", "lasting")).ShouldExit(0).Text.ShouldBe("before");
            (await DockerAsync(null, "run", "--rm", "busybox", "echo", "new")).ShouldExit(0).Text.ShouldBe("new");
            (await DockerAsync(null, "rm", "-f", "lasting")).ShouldExit(0);
        }
        finally { await StopAsync(daemon); }
        LeakCheck.Run(_root, Path.Combine(_root, "data"));
    }

    /// <summary>As the package managers do it, without the packages' scripts.</summary>
    private async Task InstallAsync(string package)
    {
        Directory.CreateDirectory(Path.Combine(Installed, "usr"));
        string[] command = Path.GetExtension(package) switch
        {
            ".deb" => ["dpkg-deb", "-x", package, Installed],
            ".rpm" => ["rpm", "--root", Installed, "--nodeps", "--noscripts", "-U", "--replacepkgs", package],
            _ => ["tar", "-xzf", package, "--strip-components=1", "-C", Path.Combine(Installed, "usr")],
        };
        (await CommandResult.RunAsync(command[0], command[1..], null, 60)).ShouldExit(0);
    }

    private async Task CheckFilesAsync(string zsh)
    {
        foreach (var file in (string[])["usr/lib/systemd/system/wharf.service", "usr/lib/systemd/system/wharf.socket", "usr/share/doc/wharf/copyright", "usr/share/man/man1/wharf.1.gz", "usr/share/man/man1/wharf-run.1.gz", "usr/share/man/man8/wharf-daemon.8.gz", zsh, "usr/share/fish/vendor_completions.d/wharf.fish", "usr/share/wharf/completion.ps1"])
            new FileInfo(Path.Combine(Installed, file)).Length.ShouldBeGreaterThan(0, file);
        (await CommandResult.RunAsync("bash", ["-n", Path.Combine(Installed, "usr/share/bash-completion/completions/wharf")], null, 30)).ShouldExit(0);
        (await CommandResult.RunAsync("zcat", [Path.Combine(Installed, "usr/share/man/man8/wharf-daemon.8.gz")], null, 30)).ShouldExit(0).Out.ShouldContain("\\-\\-data\\-root");
    }

    private async Task<Process> StartAsync()
    {
        var process = Process.Start(new ProcessStartInfo(Path.Combine(Installed, "usr/bin/wharf"), ["daemon", "-H", Host, "--data-root", Path.Combine(_root, "data"), "--exec-root", Path.Combine(_root, "run")]) { RedirectStandardError = true, RedirectStandardInput = true })!;
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            if (!line.Contains("daemon ready", StringComparison.Ordinal)) continue;
            _ = process.StandardError.ReadToEndAsync(CancellationToken.None);
            return process;
        }
        throw new InvalidOperationException("the daemon ended at its start");
    }

    private static async Task StopAsync(Process daemon)
    {
        await CommandResult.RunAsync("kill", ["-TERM", daemon.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await daemon.WaitForExitAsync(patience.Token);
        daemon.ExitCode.ShouldBe(0);
        daemon.Dispose();
    }

    private Task<CommandResult> DockerAsync(byte[]? stdin, params string[] args) => CommandResult.RunAsync("docker", ["-H", Host, .. args], stdin, 60);

    private static string? Repository()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "packaging", "deb.sh"))) return directory.FullName;
        return null;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
