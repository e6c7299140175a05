using System.Diagnostics;
using System.Security.Cryptography;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Volumes;

/// <summary>Volumes of the local driver on real NFS and SMB servers of this machine. The kernel needs both file systems: see <c>./dev vm</c>.</summary>
public sealed class FileServerTests(EngineFixture engine) : IDisposable
{
    private readonly string _shared = Directory.CreateTempSubdirectory("wharf-served-").FullName;
    private readonly string _volume = "wt-served-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3));

    public void Dispose() => Directory.Delete(_shared, recursive: true);

    private static async Task RequireAsync(string fileSystem, string program)
    {
        Assert.SkipUnless((await File.ReadAllTextAsync("/proc/filesystems")).Split('\n').Any(line => line.EndsWith("\t" + fileSystem, StringComparison.Ordinal)), $"the kernel has no file system {fileSystem} (see ./dev vm)");
        Assert.SkipUnless((await CommandResult.RunAsync("sh", ["-c", $"PATH=$PATH:/usr/sbin command -v {program}"])).ExitCode == 0, $"{program} is not installed");
    }

    private async Task CreateAsync(params string[] options) => (await engine.DockerAsync(["volume", "create", .. options.SelectMany(option => new[] { "--opt", option }), _volume])).ShouldExit(0);

    private Task<CommandResult> RunAsync(string script, string mode = "rw") => engine.DockerAsync("run", "--rm", "-v", $"{_volume}:/data:{mode}", "busybox", "sh", "-c", script);

    /// <summary>What is written in containers is on the server, and the other way round; it is mounted while it is used.</summary>
    private async Task IsSharedAsync(string type)
    {
        (await RunAsync("echo from-container > /data/one && mkdir /data/dir && grep ' /data ' /proc/mounts")).ShouldExit(0).Out.ShouldContain($" /data {type}");
        (await File.ReadAllTextAsync(Path.Combine(_shared, "one"))).ShouldBe("from-container\n");
        Directory.Exists(Path.Combine(_shared, "dir")).ShouldBeTrue();
        await File.WriteAllTextAsync(Path.Combine(_shared, "two"), "from-server\n");
        (await RunAsync("cat /data/two", "ro")).ShouldExit(0).Text.ShouldBe("from-server");
        (await RunAsync("echo x > /data/three", "ro")).ShouldExit(1).Error.ShouldContain("Read-only file system");
        var one = (await engine.DockerAsync("run", "-d", "-v", $"{_volume}:/data", "busybox", "sleep", "1000")).ShouldExit(0).Text;
        var other = (await engine.DockerAsync("run", "-d", "-v", $"{_volume}:/there", "busybox", "sleep", "1000")).ShouldExit(0).Text;
        (await engine.DockerAsync("exec", one, "sh", "-c", "echo together > /data/four")).ShouldExit(0);
        (await engine.DockerAsync("exec", other, "cat", "/there/four")).ShouldExit(0).Text.ShouldBe("together");
        (await engine.DockerAsync("volume", "rm", _volume)).ShouldExit(1).Error.ShouldContain("volume is in use");
        (await engine.DockerAsync("rm", "-f", one, other)).ShouldExit(0);
        (await engine.DockerAsync("volume", "rm", _volume)).ShouldExit(0);
        (await File.ReadAllTextAsync("/proc/mounts")).ShouldNotContain(_volume);
        File.Exists(Path.Combine(_shared, "one")).ShouldBeTrue("what the server has stays");
    }

    [Theory]
    [InlineData("nfs", "addr=127.0.0.1,vers=4.2,rw")]
    [InlineData("nfs4", "addr=127.0.0.1,vers=4.1,rw")]
    [InlineData("nfs", "addr=localhost,vers=4.0")]
    [InlineData("nfs", "addr=127.0.0.1,vers=3,nolock,proto=tcp,mountproto=tcp")]
    public async Task A_volume_on_an_NFS_server(string type, string options)
    {
        await RequireAsync("nfs", "exportfs");
        (await CommandResult.RunAsync("systemctl", ["start", "rpcbind", "nfs-server"])).ShouldExit(0);
        (await CommandResult.RunAsync("exportfs", ["-o", "rw,no_root_squash,insecure,no_subtree_check,fsid=77", "127.0.0.1:" + _shared])).ShouldExit(0);
        try
        {
            await CreateAsync("type=" + type, "o=" + options, "device=:" + _shared);
            await IsSharedAsync("nfs");
        }
        finally { await CommandResult.RunAsync("exportfs", ["-u", "127.0.0.1:" + _shared]); }
    }

    [Fact]
    public async Task What_an_NFS_server_does_not_export_is_told_at_the_start_and_nothing_stays()
    {
        await RequireAsync("nfs", "exportfs");
        (await CommandResult.RunAsync("systemctl", ["start", "rpcbind", "nfs-server"])).ShouldExit(0);
        await CreateAsync("type=nfs", "o=addr=127.0.0.1,vers=4.2", "device=:" + _shared + "/none");
        var refused = await RunAsync("true");
        refused.ExitCode.ShouldBeOneOf(125, 126, 127); // by the client, from the kernel's words
        refused.Error.ShouldContain($"failed to mount local volume: mount :{_shared}/none:");
        (await engine.DockerAsync("volume", "rm", _volume)).ShouldExit(0);
    }

    [Theory]
    [InlineData("127.0.0.1", "username=wtsmb,password=se-cret,vers=3.0,port=4455")]
    [InlineData("localhost", "username=wtsmb,password=se-cret,port=4455,uid=5,file_mode=0640")]
    public async Task A_volume_on_an_SMB_server(string host, string options)
    {
        await RequireAsync("cifs", "smbd");
        using var server = await StartSmbAsync();
        await CreateAsync("type=cifs", "o=" + options, $"device=//{host}/wt");
        await IsSharedAsync("cifs");
    }

    [Fact]
    public async Task A_wrong_password_is_told_without_it()
    {
        await RequireAsync("cifs", "smbd");
        using var server = await StartSmbAsync();
        await CreateAsync("type=cifs", "o=username=wtsmb,password=wr-ong,vers=3.0,port=4455", "device=//127.0.0.1/wt");
        var refused = await RunAsync("true");
        refused.ExitCode.ShouldBeOneOf(125, 126);
        refused.Error.ShouldContain("permission denied", Case.Insensitive);
        refused.Error.ShouldNotContain("wr-ong");
        (await engine.DockerAsync("volume", "rm", _volume)).ShouldExit(0);
    }

    /// <summary>smbd with everything of its own under the shared directory's sibling, on a port of the loopback that is not the machine's own server's.</summary>
    private async Task<SmbServer> StartSmbAsync()
    {
        var server = new SmbServer(_shared);
        await server.StartAsync();
        return server;
    }

    private sealed class SmbServer(string shared) : IDisposable
    {
        private readonly string _state = Directory.CreateTempSubdirectory("wharf-smb-").FullName;
        private Process? _process;

        public async Task StartAsync()
        {
            var settings = string.Join('\n', new[] { "private dir", "state directory", "lock directory", "cache directory", "pid directory", "ncalrpc dir", "binddns dir" }.Select(name => $"{name} = {_state}"));
            await File.WriteAllTextAsync(_state + "/smb.conf", $"[global]\nserver role = standalone server\ninterfaces = lo\nbind interfaces only = yes\nsmb ports = 4455\ndisable spoolss = yes\nload printers = no\nlog file = {_state}/log\npassdb backend = tdbsam:{_state}/passdb.tdb\n{settings}\n[wt]\npath = {shared}\nread only = no\nforce user = root\n");
            await CommandResult.RunAsync("useradd", ["-M", "-s", "/usr/sbin/nologin", "wtsmb"]); // once
            (await CommandResult.RunAsync("smbpasswd", ["-c", _state + "/smb.conf", "-s", "-a", "wtsmb"], "se-cret\nse-cret\n"u8.ToArray())).ShouldExit(0);
            _process = Process.Start("smbd", ["-F", "--no-process-group", "-s", _state + "/smb.conf"]);
            for (int attempt = 0; attempt < 200; attempt++)
            {
                using var client = new System.Net.Sockets.TcpClient();
                try
                {
                    await client.ConnectAsync("127.0.0.1", 4455);
                    return;
                }
                catch (System.Net.Sockets.SocketException) { await Task.Delay(50); }
            }
            throw new InvalidOperationException("smbd does not listen: " + (File.Exists(_state + "/log") ? await File.ReadAllTextAsync(_state + "/log") : ""));
        }

        public void Dispose()
        {
            if (_process is { HasExited: false })
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit();
            }
            _process?.Dispose();
            Directory.Delete(_state, recursive: true);
        }
    }
}
