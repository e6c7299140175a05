using System.Globalization;
using Wharf.Engine;
using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The daemon's settings of containers that do not say otherwise, from flags and configuration file.</summary>
internal static class ContainerDaemonOptions
{
    public static readonly string[] Flags =
    [
        "--cgroup-parent", "--default-cgroupns-mode", "--default-ipc-mode", "--default-runtime", "--default-shm-size", "--default-stop-timeout", "--default-ulimit", "--hooks-dir", "--init-path", "--log-program", "--seccomp-profile", "--shutdown-timeout",
    ];

    public static readonly string[] Switches = ["--init", "--no-new-privileges"];

    /// <summary>Flags, without dashes, and whether the file sets the same.</summary>
    public static IEnumerable<(string Flag, bool InFile)> InFile(DaemonConfigFile file) =>
    [
        ("cgroup-parent", file.CgroupParent is not null), ("default-cgroupns-mode", file.CgroupnsMode is not null), ("default-ipc-mode", file.IpcMode is not null),
        ("default-runtime", file.DefaultRuntime is not null), ("default-shm-size", file.ShmSize is not null), ("default-stop-timeout", file.DefaultStopTimeout is not null), ("default-ulimit", file.Ulimits is not null), ("hooks-dir", file.HooksDirectories is not null), ("init", file.Init is not null),
        ("init-path", file.InitPath is not null), ("log-program", file.LogPrograms is not null), ("no-new-privileges", file.NoNewPrivileges is not null), ("seccomp-profile", file.SeccompProfile is not null), ("shutdown-timeout", file.ShutdownTimeout is not null),
    ];

    public static DaemonOptions Apply(DaemonOptions options, Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        string? One(string name) => flags.GetValueOrDefault(name)?[^1];
        var profile = NotEmpty(One("--seccomp-profile") ?? file.SeccompProfile) ?? "builtin";
        return options with
        {
            DefaultRuntime = NotEmpty(One("--default-runtime") ?? file.DefaultRuntime) ?? options.DefaultRuntime,
            DefaultShmSize = (One("--default-shm-size") ?? file.ShmSize) is { } size ? ContainerDefaults.ParseSize(size) ?? throw WharfException.Invalid($"invalid argument \"{size}\" for \"--default-shm-size\" flag: invalid size: '{size}'") : options.DefaultShmSize,
            DefaultStopTimeout = One("--default-stop-timeout") is { } grace ? Number("--default-stop-timeout", grace) : file.DefaultStopTimeout ?? options.DefaultStopTimeout,
            LogPrograms = flags.GetValueOrDefault("--log-program") ?? file.LogPrograms ?? options.LogPrograms,
            ShutdownTimeout = One("--shutdown-timeout") is { } seconds ? Number("--shutdown-timeout", seconds) : file.ShutdownTimeout ?? options.ShutdownTimeout,
            ContainerDefaults = new ContainerDefaults
            {
                IpcMode = NotEmpty(One("--default-ipc-mode") ?? file.IpcMode) ?? "private",
                CgroupnsMode = NotEmpty(One("--default-cgroupns-mode") ?? file.CgroupnsMode),
                Init = One("--init") is { } init ? init == "true" : file.Init ?? false,
                InitPath = NotEmpty(One("--init-path") ?? file.InitPath),
                NoNewPrivileges = One("--no-new-privileges") is { } no ? no == "true" : file.NoNewPrivileges ?? false,
                CgroupParent = NotEmpty(One("--cgroup-parent") ?? file.CgroupParent),
                Ulimits = flags.TryGetValue("--default-ulimit", out var limits) ? [.. limits.Select(ParseUlimit)] : [.. (file.Ulimits ?? []).Select(entry => new HostConfigUlimits { Name = entry.Value.Name is { Length: > 0 } name ? name : entry.Key, Soft = entry.Value.Soft, Hard = entry.Value.Hard })],
                Hooks = (flags.GetValueOrDefault("--hooks-dir") ?? file.HooksDirectories) is { Count: > 0 } directories ? HookDirectory.Load(directories) : null,
                SeccompProfile = profile,
                SeccompJson = profile is "builtin" or "unconfined" ? null : ReadProfile(profile),
            },
        };
    }

    private static string ReadProfile(string path)
    {
        try { return File.ReadAllText(path); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { throw WharfException.Invalid($"opening seccomp profile ({path}) failed: {error.Message}", error); }
    }

    // nofile=1024:2048 or nofile=1024
    private static HostConfigUlimits ParseUlimit(string text)
    {
        if (text.Split('=', 2) is not [{ Length: > 0 } name, var values]) throw WharfException.Invalid($"invalid argument \"{text}\" for \"--default-ulimit\" flag: invalid ulimit argument: {text}");
        var parts = values.Split(':');
        if (parts.Length > 2) throw WharfException.Invalid($"invalid argument \"{text}\" for \"--default-ulimit\" flag: too many limit value arguments - {values}, can only have up to two, `soft[:hard]`");
        long soft = Limit(parts[0]);
        return new HostConfigUlimits { Name = name, Soft = soft, Hard = parts.Length == 2 ? Limit(parts[1]) : soft };
    }

    private static long Limit(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : throw WharfException.Invalid($"invalid argument for \"--default-ulimit\" flag: \"{text}\" is not a whole number");

    private static int Number(string flag, string text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : throw WharfException.Invalid($"invalid argument \"{text}\" for \"{flag}\" flag: not a whole number");

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
