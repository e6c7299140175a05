using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>wharf-runtime run [--bundle DIR] ID</c>: runs an OCI bundle in the foreground with this process's own streams.</summary>
internal static class RunCommand
{
    private const int F_DUPFD_CLOEXEC = 1030;

    public static int Run(IReadOnlyList<string> args)
    {
        string bundle = Directory.GetCurrentDirectory(), id = "";
        for (int i = 0; i < args.Count; i++)
        {
            if (args[i] is "--bundle" or "-b" && i + 1 < args.Count) bundle = Path.GetFullPath(args[++i]);
            else if (!args[i].StartsWith('-') && id.Length == 0) id = args[i];
            else return Fail($"unknown argument {args[i]}");
        }
        if (id.Length == 0) return Fail("run needs a container ID");
        var mountPoint = Directory.CreateTempSubdirectory("wharf-run-").FullName;
        try
        {
            var spec = JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(bundle, "config.json")), RuntimeJson.Default.Spec) ?? throw new JsonException("config.json is empty");
            if (spec.Root is { } root && !Path.IsPathRooted(root.Path)) root.Path = Path.Combine(bundle, root.Path);
            spec.Linux ??= new LinuxSpec();
            var launcher = new Launcher(CgroupLayout.Detect(), mountPoint);
            using Fd stdin = Dup(0), stdout = Dup(1), stderr = Dup(2);
            var launched = launcher.Launch(new LaunchRequest { ContainerId = id, Spec = spec, Rootfs = [], Stdin = stdin.Value, Stdout = stdout.Value, Stderr = stderr.Value });
            foreach (var warning in launched.Warnings) Console.Error.WriteLine($"warning: {warning}");
            var status = ProcessExit.Wait(launched.PidFd);
            launched.Cgroup.KillAll();
            launched.Cgroup.TryDelete();
            return status;
        }
        catch (Exception error) when (error is JsonException or IOException or LaunchException)
        {
            return Fail(error.Message, (error as LaunchException)?.ExitCode ?? 1);
        }
        finally
        {
            Directory.Delete(mountPoint);
        }
    }

    private static Fd Dup(int fd) => new(SyscallException.Check(Libc.fcntl(fd, F_DUPFD_CLOEXEC, 3), "fcntl F_DUPFD_CLOEXEC"));

    private static int Fail(string message, int code = 1)
    {
        Console.Error.WriteLine($"wharf-runtime: {message}");
        return code;
    }
}
