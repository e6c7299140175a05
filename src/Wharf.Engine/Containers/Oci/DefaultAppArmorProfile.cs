using System.ComponentModel;
using System.Diagnostics;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>
/// The AppArmor profile of containers that ask for none, under the name that docker's has, so that rules written for docker's hold. It is loaded by
/// <c>apparmor_parser</c>, which compiles it for this kernel, when the daemon starts and when a container needs it and it is gone.
/// </summary>
internal static class DefaultAppArmorProfile
{
    public const string Name = "docker-default";
    private const string Loaded = "/sys/kernel/security/apparmor/profiles";

    private static readonly string? Parser = ((string[])["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"]).FirstOrDefault(File.Exists);
    private static readonly SemaphoreSlim Loading = new(1);

    /// <summary>The kernel's policy is in reach (it is not within most containers), and the profile is loaded or can be.</summary>
    public static bool IsAvailable { get; } = AppArmor.IsEnabled && File.Exists(Loaded) && (Parser is not null || IsLoaded());

    /// <summary>Loads the profile unless the kernel has it.</summary>
    /// <exception cref="WharfException">apparmor_parser refuses it: a container must not start without what should confine it.</exception>
    public static async ValueTask LoadAsync()
    {
        if (IsLoaded()) return;
        await Loading.WaitAsync();
        try
        {
            if (!IsLoaded()) await RunParserAsync(Text(OwnLabel()));
        }
        finally { Loading.Release(); }
    }

    private static bool IsLoaded() => File.ReadLines(Loaded).Any(line => line.StartsWith(Name + " (", StringComparison.Ordinal));

    private static async Task RunParserAsync(string text)
    {
        if (Parser is null) throw Failed("apparmor_parser is not installed");
        try
        {
            using var parser = Process.Start(new ProcessStartInfo(Parser, ["--replace", "--skip-cache"]) { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true })!;
            var told = Task.WhenAll(parser.StandardError.ReadToEndAsync(), parser.StandardOutput.ReadToEndAsync());
            await parser.StandardInput.WriteAsync(text);
            parser.StandardInput.Close();
            await parser.WaitForExitAsync();
            if (parser.ExitCode != 0) throw Failed(string.Concat(await told).Trim());
        }
        catch (Exception error) when (error is Win32Exception or IOException) { throw Failed(error.Message); }
    }

    private static WharfException Failed(string why) => new(ErrorKind.Internal, $"AppArmor enabled on system but the {Name} profile could not be loaded: {why}");

    /// <summary>The label under which this daemon and its shims run, which alone may signal containers.</summary>
    private static string OwnLabel()
    {
        var label = File.ReadAllText("/proc/self/attr/current").TrimEnd('\0', '\n');
        int mode = label.LastIndexOf(" (", StringComparison.Ordinal);
        return mode < 0 ? label : label[..mode];
    }

    /// <summary>
    /// Files, capabilities and networks are left to the other defences; what the profile adds is that nothing is mounted, that the kernel's own settings
    /// under /proc and /sys stay as they are even where they are not masked, and that processes outside are not traced or signalled.
    /// </summary>
    internal static string Text(string daemon) => $$"""
        profile {{Name}} flags=(attach_disconnected, mediate_deleted) {
          file,
          capability,
          network,
          unix,
          umount,
          deny mount,

          signal (receive) peer=unconfined,
          signal (receive) peer=runc,
          signal (receive) peer=crun,
          signal (receive) peer="{{daemon}}",
          signal (send, receive) peer={{Name}},
          ptrace (trace, tracedby, read, readby) peer={{Name}},

          # /proc: processes' own directories and kernel.shm*, kernel.sem (an IPC namespace's own) can be written, nothing else.
          deny /proc/* w,
          deny /proc/{[^1-9s]*,s[^ey]*}/** w,
          deny /proc/sys/[^k]** w,
          deny /proc/sys/kernel/{?,??,[^s]**,s[^eh]**,s[eh][^m]**} w,
          deny /proc/sysrq-trigger rwklx,
          deny /proc/kcore rwklx,

          # /sys: cgroups can be written, nothing else.
          deny /sys/[^f]*/** wklx,
          deny /sys/f[^s]*/** wklx,
          deny /sys/fs/[^c]*/** wklx,
          deny /sys/fs/c[^g]*/** wklx,
          deny /sys/fs/cg[^r]*/** wklx,
          deny /sys/firmware/** rwklx,
          deny /sys/devices/virtual/powercap/** rwklx,
          deny /sys/kernel/security/** rwklx,
        }

        """;
}
