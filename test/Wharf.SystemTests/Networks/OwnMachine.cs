using System.Diagnostics;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Networks;

/// <summary>Engines on a machine as a new one is: a network namespace of their own, nothing under /var/lib, and /sys shows what there is. Cgroups are the real machine's.</summary>
public static class OwnMachine
{
    private const string Prepare = """
        mount -t tmpfs tmpfs /var/lib && mkdir -p "$1" && mount --rbind /sys/fs/cgroup "$1" && mount -t sysfs sysfs /sys && mount --rbind "$1" /sys/fs/cgroup && ip link set lo up || exit 9
        eval "$2" || exit 9
        shift 2; exec "$@"
        """;

    /// <summary>The daemon of a machine on which a script has been run.</summary>
    public static async Task<EngineFixture> StartAsync(string script, params string[] options)
    {
        var engine = new EngineFixture();
        engine.Within = ["unshare", "-m", "-n", "sh", "-c", Prepare, "sh", Path.Combine(engine.Root, "cgroups"), script];
        await engine.StartOwnAsync(options);
        return engine;
    }

    /// <summary>A program of the machine's.</summary>
    public static Task<CommandResult> RunAsync(EngineFixture engine, params string[] command) => CommandResult.RunAsync("nsenter", ["-t", engine.DaemonPid.ToString(), "-n", .. command]);

    /// <summary>Keeps the machine's network while no daemon runs: the next one is started in it.</summary>
    public static HeldMachine Hold(EngineFixture engine)
    {
        var machine = new HeldMachine(engine.DaemonPid);
        engine.Within = ["nsenter", "-t", machine.Pid.ToString(), "-n", "unshare", "-m", .. engine.Within.SkipWhile(static word => word != "sh").SkipLast(1), "true"];
        return machine;
    }
}

/// <summary>A process that does nothing in the network of another.</summary>
public sealed class HeldMachine(int pid) : IDisposable
{
    private readonly Process _holder = Process.Start("nsenter", ["-t", pid.ToString(), "-n", "sleep", "1000"]);

    public int Pid => _holder.Id;

    public Task<CommandResult> RunAsync(params string[] command) => CommandResult.RunAsync("nsenter", ["-t", Pid.ToString(), "-n", .. command]);

    public void Dispose()
    {
        _holder.Kill();
        _holder.Dispose();
    }
}
