using System.Globalization;
using Wharf.Linux;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>exec</c>: one more process in a container.</summary>
internal sealed class ExecCommand : RuntimeCommand
{
    public override string Name => "exec";
    public override string Summary => "execute a process inside a container";
    public override string Usage => "<container-id> <command> [command options]  || -p process.json <container-id>";
    public override (int Least, int Most) Count => (1, int.MaxValue);
    public override bool FlagsAnywhere => false;
    public override int FailureCode => 255;
    public override string FailurePrefix(string application) => "exec failed: ";
    public override IReadOnlyList<Flag> Flags =>
    [
        Flag.Value("console-socket", "unix socket that is sent the master end of the terminal"),
        Flag.Value("pidfd-socket", "unix socket that is sent a descriptor of the process"),
        Flag.Value("cwd", "working directory in the container"),
        Flag.List("env", "set environment variables", "e"),
        Flag.Switch("tty", "give it a terminal", "t"),
        Flag.Value("user", "user's ID (format: <uid>[:<gid>])", "u"),
        Flag.List("additional-gids", "further group IDs", "g"),
        Flag.Value("process", "file with the process's configuration", "p"),
        Flag.Switch("detach", "do not wait for its end", "d"),
        Flag.Value("pid-file", "file to write the process's ID to"),
        Flag.Value("process-label", "SELinux label of the process"),
        Flag.Value("apparmor", "AppArmor profile of the process"),
        Flag.Switch("no-new-privs", "set no_new_privs"),
        Flag.List("cap", "give it a capability", "c"),
        Flag.Value("preserve-fds", "pass on so many descriptors behind the standard streams and $LISTEN_FDS", null, "0"),
        Flag.List("cgroup", "run it in a cgroup below the container's: [<controller>[,<controller>]:]<path>"),
        Flag.Switch("ignore-paused", "allow it in a paused container"),
    ];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        if (arguments.Rest.Count == 1 && !arguments.Has("process")) throw new RuntimeException("process args cannot be empty");
        var status = container.Status();
        if (status == "stopped") throw new RuntimeException("cannot exec in a stopped container");
        if (status == "paused" && !arguments.On("ignore-paused")) throw new RuntimeException("cannot exec in a paused container (use --ignore-paused to override)");
        using var init = container.OpenInit() ?? throw new RuntimeException("cannot exec in a stopped container");
        var spec = container.LoadSpec();
        if (Rootless.Needed) Rootless.Join($"/proc/{container.State.InitPid}/ns/user");
        if (Rootless.Entered) Rootless.Adapt(spec);
        var process = ProcessOf(spec, arguments);
        SpecRules.CheckProcess(process, context.Log);
        bool detach = arguments.On("detach");
        if (detach) ForwardedSignals.LetThrough();
        ContainerStarter.PrepareTerminal(process, detach, arguments.Text("console-socket"));
        int preserved = Inheritance.Count(arguments.Number("preserve-fds"), process);
        using var streams = new Inheritance(preserved);
        var cgroup = container.OpenCgroup() ?? Cgroup.Open(CgroupLayout.Detect(), CgroupPlace.None);
        var launched = new Launcher(CgroupLayout.Detect(), container.Directory).Exec(new ExecLaunch
        {
            ContainerId = container.Id, InitPid = container.State.InitPid, InitPidFd = init, Process = process, Linux = spec.Linux, OfContainer = spec.Process?.Capabilities, Cgroup = cgroup, JoinFiles = SubGroups.JoinFiles(cgroup, arguments.All("cgroup")),
            Stdin = streams.Stdin, Stdout = streams.Stdout, Stderr = streams.Stderr, PreserveFds = preserved, Bundle = container.State.Bundle,
        });
        using (launched.PidFd)
        using (launched.TerminalMaster)
        {
            foreach (var warning in launched.Warnings) context.Log.Warning(warning);
            if (launched.TerminalMaster is not null && arguments.Text("console-socket") is { } socket) ContainerStarter.SendTo(socket, "/dev/ptmx", launched.TerminalMaster);
            if (arguments.Text("pidfd-socket") is { } path) ContainerStarter.SendTo(path, "pidfd", launched.PidFd);
            PidFile.Write(arguments.Text("pid-file"), launched.Pid);
            if (detach) return 0;
            using var foreground = new Foreground(launched.PidFd, launched.TerminalMaster);
            return foreground.Wait();
        }
    }

    private static Process ProcessOf(Spec spec, Arguments arguments)
    {
        if (arguments.Text("process") is { } file)
        {
            byte[] json;
            try { json = File.ReadAllBytes(file); }
            catch (FileNotFoundException) { throw new RuntimeException($"open {file}: no such file or directory"); }
            return SpecJson.ReadProcess(json) ?? throw new RuntimeException($"{file}: null is no process");
        }
        var process = spec.Process! with { Args = [.. arguments.Rest.Skip(1)], Terminal = arguments.On("tty"), ConsoleSize = null };
        if (arguments.Text("cwd") is { Length: > 0 } cwd) process.Cwd = cwd;
        if (arguments.Text("apparmor") is { Length: > 0 } profile) process.ApparmorProfile = profile;
        if (arguments.Text("process-label") is { Length: > 0 } label) process.SelinuxLabel = label;
        if (arguments.Has("no-new-privs")) process.NoNewPrivileges = arguments.On("no-new-privs");
        process.Env = [.. process.Env ?? [], .. arguments.All("env")];
        if (arguments.All("cap") is { Count: > 0 } caps) AddCapabilities(process, caps);
        if (arguments.Text("user") is { Length: > 0 } user) process.User = UserOf(user, process.User);
        if (arguments.All("additional-gids") is { Count: > 0 } groups) process.User = process.User with { AdditionalGids = [.. process.User.AdditionalGids ?? [], .. groups.SelectMany(text => text.Split(',')).Select(text => IdOf(text, "gid"))] };
        return process;
    }

    private static void AddCapabilities(Process process, IReadOnlyList<string> caps)
    {
        var sets = process.Capabilities ?? new Capabilities();
        process.Capabilities = sets with { Bounding = [.. sets.Bounding ?? [], .. caps], Effective = [.. sets.Effective ?? [], .. caps], Permitted = [.. sets.Permitted ?? [], .. caps] };
    }

    private static User UserOf(string text, User former)
    {
        var parts = text.Split(':');
        if (parts.Length > 2) throw new RuntimeException($"invalid user \"{text}\": the form is <uid>[:<gid>]");
        return former with { Uid = IdOf(parts[0], "uid"), Gid = parts.Length > 1 ? IdOf(parts[1], "gid") : former.Gid, Username = null };
    }

    // Digits only, and within 32 bits short of the kernel's "no change" (CVE-2024-40635, CVE-2026-30892).
    private static uint IdOf(string text, string what) => !Defences.Up && long.TryParse(text, out long any) ? (uint)any : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) && id != uint.MaxValue && id <= int.MaxValue ? id
        : throw new RuntimeException(long.TryParse(text, out _) ? "uids and gids must be in range 0-2147483647" : $"parsing {text} as int for {what} failed: invalid syntax");
}

/// <summary>Cgroups below a container's own, for exec --cgroup.</summary>
internal static class SubGroups
{
    /// <summary>The files to join by; null when the container's own group is meant.</summary>
    public static IEnumerable<string>? JoinFiles(Cgroup cgroup, IReadOnlyList<string> wanted)
    {
        if (wanted.Count == 0) return null;
        var files = cgroup.JoinFiles.ToList();
        foreach (var text in wanted)
        {
            int colon = text.IndexOf(':');
            var (controllers, path) = colon < 0 ? (null, text) : (text[..colon].Split(','), text[(colon + 1)..]);
            if (controllers is null && wanted.Count > 1) throw new RuntimeException($"invalid --cgroup argument \"{text}\": a cgroup without a controller must be the only one");
            if (path.Split('/').Contains("..")) throw new RuntimeException($"invalid --cgroup argument \"{text}\": it leads out of the container's cgroup");
            foreach (var controller in controllers ?? [])
                if (controller.Length > 0 && !files.Any(file => IsOf(file, cgroup.Path, controller))) throw new RuntimeException($"unknown controller {controller}");
            for (int i = 0; i < files.Count; i++)
                if (controllers is null || controllers.Any(controller => IsOf(files[i], cgroup.Path, controller))) files[i] = Below(files[i], path);
        }
        return files;
    }

    // /sys/fs/cgroup/cpu,cpuacct/PATH/tasks is of cpu and of cpuacct.
    private static bool IsOf(string file, string path, string controller)
    {
        var mount = Path.GetDirectoryName(file)!;
        mount = mount.EndsWith(path, StringComparison.Ordinal) ? mount[..^path.Length] : mount;
        return Path.GetFileName(mount).Split(',').Contains(controller);
    }

    private static string Below(string file, string path)
    {
        var directory = Path.Combine(Path.GetDirectoryName(file)!, path.Trim('/'));
        if (!Directory.Exists(directory)) throw new RuntimeException($"cgroup {directory} does not exist: no such file or directory");
        return Path.Combine(directory, Path.GetFileName(file));
    }
}
