using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>A container that another OCI runtime is to make: its program and arguments, and where its state and the bundle may lie.</summary>
public sealed record ForeignRuntime(string Path, IReadOnlyList<string> Arguments, string Directory);

/// <summary>
/// Containers made by runc, crun and their like (<c>--runtime NAME</c>). The runtime is started from a thread with a mount namespace of
/// its own, in which the root is mounted: so nothing of the container is mounted on the host here either. Once it runs, the container is
/// looked after like any other; only its making and the removal of the runtime's state are left to the runtime.
/// </summary>
public sealed partial class Launcher
{
    private const int PR_SET_CHILD_SUBREAPER = 36;

    /// <summary>Makes the container and starts its process; throws when it could not be, with nothing left behind.</summary>
    public Launched LaunchForeign(LaunchRequest request, ForeignRuntime runtime) => OnOwnThread(() =>
    {
        // The container's init is a grandchild, and is to become this process's child when the runtime ends.
        SyscallException.Check(Libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl PR_SET_CHILD_SUBREAPER");
        using var sources = new MountSources(request.Spec, null, request.Rootfs);
        SyscallException.Check(Libc.unshare(CLONE_FS | CLONE_NEWNS), "unshare");
        using (var all = OpenAt.Open("/", O.PATH | O.DIRECTORY)) MountTree.SetAttributes(all, 0, 0, MountFlags.MS_SLAVE, recursive: true);
        using var root = MountRoot(request.Rootfs, request.Spec.Linux!, sources);
        var bundle = WriteBundle(request, runtime);
        try { return CreateAndStart(request, runtime, bundle); }
        catch
        {
            RunRuntime(runtime, bundle, ["delete", "--force", request.ContainerId], null);
            throw;
        }
        finally { Directory.Delete(bundle, recursive: true); }
    });

    private string WriteBundle(LaunchRequest request, ForeignRuntime runtime)
    {
        var bundle = System.IO.Path.Combine(runtime.Directory, "bundle", request.ContainerId);
        Directory.CreateDirectory(bundle);
        // The oldest version that says all that is in it: older runtimes refuse newer ones.
        var spec = request.Spec with { OciVersion = "1.0.2", Root = new Root { Path = MountPoint, Readonly = request.Spec.Root?.Readonly } };
        File.WriteAllBytes(System.IO.Path.Combine(bundle, "config.json"), JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeJson.Default.Spec));
        return bundle;
    }

    private Launched CreateAndStart(LaunchRequest request, ForeignRuntime runtime, string bundle)
    {
        bool terminal = request.Spec.Process?.Terminal == true;
        var pidFile = System.IO.Path.Combine(bundle, "pid");
        List<string> create = ["create", "--bundle", bundle, "--pid-file", pidFile];
        using var directory = terminal ? OpenAt.Open(bundle, O.PATH | O.DIRECTORY) : null;
        using var console = terminal ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) : null;
        if (console is not null)
        {
            // By descriptor: a socket's path may have 108 bytes, and the bundle's alone can be longer.
            var path = $"/proc/{Environment.ProcessId}/fd/{directory!.Value}/tty";
            console.Bind(new UnixDomainSocketEndPoint(path));
            console.Listen(1);
            create.AddRange(["--console-socket", path]);
        }
        Require(RunRuntime(runtime, bundle, [.. create, request.ContainerId], terminal ? null : request), runtime, bundle);
        Fd? master = null;
        try
        {
            if (console is not null)
            {
                using var connection = console.Accept();
                master = FdSocket.Receive((int)connection.Handle);
                if (request.Spec.Process!.ConsoleSize is { Height: > 0, Width: > 0 } size) Terminal.Resize(master, size.Height, size.Width);
            }
            int pid = int.Parse(File.ReadAllText(pidFile), System.Globalization.CultureInfo.InvariantCulture);
            var pidfd = new Fd(SyscallException.Check((int)Libc.syscall(SyscallNumber.pidfd_open, pid, 0), "pidfd_open"));
            try { Require(RunRuntime(runtime, bundle, ["start", request.ContainerId], null), runtime, bundle); }
            catch
            {
                pidfd.Dispose();
                throw;
            }
            return new Launched(pid, pidfd, DateTimeOffset.UtcNow, master, Cgroup.Open(Layout, request.Cgroup!), []);
        }
        catch
        {
            master?.Dispose();
            throw;
        }
    }

    /// <summary>Lets the runtime forget a container that has ended.</summary>
    public static void ForgetForeign(ForeignRuntime runtime, string id)
    {
        Directory.CreateDirectory(runtime.Directory);
        RunRuntime(runtime, runtime.Directory, ["delete", "--force", id], null);
    }

    private static string LogOf(string bundle) => System.IO.Path.Combine(bundle, "log.json");

    /// <summary>Runs the runtime to its end, with the container's streams as its own if it is to pass them on.</summary>
    private static int RunRuntime(ForeignRuntime runtime, string bundle, IReadOnlyList<string> verb, LaunchRequest? streams)
    {
        // The descriptors are close-on-exec, as all here are: the shell opens them anew by this process's number.
        int self = Environment.ProcessId;
        var redirect = streams is null ? "</dev/null >/dev/null 2>&1" : $"</proc/{self}/fd/{streams.Stdin} >/proc/{self}/fd/{streams.Stdout} 2>/proc/{self}/fd/{streams.Stderr}";
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/" };
        string[] state = ["--root", System.IO.Path.Combine(runtime.Directory, "state"), "--log", LogOf(bundle), "--log-format", "json"];
        foreach (var argument in (string[])["-c", $"exec \"$0\" \"$@\" {redirect}", runtime.Path, .. runtime.Arguments, .. state, .. verb]) start.ArgumentList.Add(argument);
        using var process = System.Diagnostics.Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }

    private static void Require(int exitCode, ForeignRuntime runtime, string bundle)
    {
        if (exitCode == 0) return;
        var message = LastError(LogOf(bundle)) ?? $"{runtime.Path} ended with exit code {exitCode}";
        int code = message.Contains("executable file not found", StringComparison.Ordinal) || message.Contains("no such file or directory", StringComparison.OrdinalIgnoreCase) ? 127
            : message.Contains("permission denied", StringComparison.OrdinalIgnoreCase) ? 126 : 125;
        throw new LaunchException(message, "runtime", 0, code);
    }

    private static string? LastError(string log)
    {
        if (!File.Exists(log)) return null;
        foreach (var line in File.ReadLines(log).Reverse())
        {
            try
            {
                using var entry = JsonDocument.Parse(line);
                if (entry.RootElement.GetProperty("level").GetString() is "error" or "fatal") return entry.RootElement.GetProperty("msg").GetString();
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException)
            {
                return line; // a runtime that does not write JSON
            }
        }
        return null;
    }
}
