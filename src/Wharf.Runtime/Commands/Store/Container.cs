using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Store;

/// <summary>One container of the store.</summary>
internal sealed class Container(string directory, ContainerState state, bool hasSpec)
{
    private const string SpecName = "config.json";

    private bool _hasSpec = hasSpec;

    public string Directory { get; } = directory;
    public ContainerState State { get; } = state;
    public string Id => State.Id;
    public string FifoPath => Path.Combine(Directory, ContainerStore.FifoName);
    private string SpecPath => Path.Combine(Directory, SpecName);

    /// <summary>
    /// Adds the state to the container's file as its last line, which is the one that counts (<see cref="StateJson.Last"/>): a reader sees the state from before
    /// or this one, and nothing has to be made anew and renamed, which on a disk takes longer than all else that is written.
    /// </summary>
    public void Save() => WriteFile(Path.Combine(Directory, ContainerStore.StateName), StateJson.Write(State), O.APPEND);

    /// <summary>The configuration as it was when the container was made. To be written before the first state: who has a state has it whole.</summary>
    public void SaveSpec(byte[] config)
    {
        WriteFile(SpecPath, config, O.TRUNC);
        _hasSpec = true;
    }

    public Spec LoadSpec() => Launching.Bundle.Parse(File.ReadAllBytes(SpecPath), State.Bundle);

    private static void WriteFile(string path, ReadOnlySpan<byte> content, int how)
    {
        using var file = OpenAt.Open(path, O.WRONLY | O.CREAT | how, 0b110_000_000);
        FileAt.WriteAll(file.Value, content);
    }

    /// <summary>The group, where it is open already.</summary>
    public Cgroup? Cgroup { get; set; }

    public Cgroup? OpenCgroup() => State.CgroupPath.Length == 0 ? null : Cgroup ??= Cgroups.Cgroup.Open(CgroupLayout.Detect(), new CgroupPlace(State.CgroupPath, State.CgroupUnit, State.CgroupSlice));

    /// <summary>created, running, paused or stopped.</summary>
    public string Status()
    {
        if (!Alive) return "stopped";
        if (OpenCgroup() is { Frozen: true }) return "paused"; // also one that was not started
        return File.Exists(FifoPath) ? "created" : "running";
    }

    public bool Alive => State.InitPid > 0 && StartOf(State.InitPid) == State.InitStart && State.InitStart != 0;

    /// <summary>A descriptor of the container's process, proved to be that one; null when it has ended.</summary>
    public Fd? OpenInit()
    {
        if (State.InitPid <= 0) return null;
        nint fd = Libc.syscall(SyscallNumber.pidfd_open, State.InitPid);
        if (fd < 0) return null;
        var pidfd = new Fd((int)fd);
        if (Alive) return pidfd;
        pidfd.Dispose();
        return null;
    }

    /// <summary>When a process started, 0 when there is none or it has ended.</summary>
    public static ulong StartOf(int pid)
    {
        if (KernelFile.TryRead($"/proc/{pid}/stat", out _) is not { } stat) return 0;
        // The name in parentheses may hold anything: fields are counted from its end.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? 0 : ulong.Parse(fields[19], CultureInfo.InvariantCulture);
    }

    public ContainerSummary Summary()
    {
        var status = Status();
        return new ContainerSummary
        {
            OciVersion = State.OciVersion, Id = Id, Pid = status == "stopped" ? 0 : State.InitPid, Status = status, Bundle = State.Bundle, Rootfs = State.Rootfs, Created = State.Created,
            Annotations = State.Annotations, Owner = State.Owner,
        };
    }

    public State HookState(string status) => new() { OciVersion = State.OciVersion, Id = Id, Status = status, Pid = status == "stopped" ? 0 : State.InitPid, Bundle = State.Bundle, Annotations = State.Annotations };

    /// <summary>Frees all there is of the container: processes, cgroup, and last its directory. Can be called again after a failure.</summary>
    public void Destroy(RuntimeLog log, Spec? spec = null)
    {
        if (OpenCgroup() is { } cgroup)
        {
            if (cgroup.Pids().Count > 0) cgroup.KillAll();
            // A killed process leaves its group a moment after the signal.
            for (int attempt = 0; !cgroup.TryDelete(); attempt++)
            {
                if (attempt == 100) throw new RuntimeException($"unable to remove cgroup {cgroup.Path}: processes {string.Join(' ', cgroup.Pids())} do not end");
                Thread.Sleep(Math.Min(1 + attempt, 50));
                cgroup.KillAll();
            }
        }
        if (State is { IntelRdtOwn: true, IntelRdtPath: { } rdt } && System.IO.Directory.Exists(rdt)) System.IO.Directory.Delete(rdt);
        if (_hasSpec && (spec is not null || File.Exists(SpecPath))) Init.HookRunner.RunAll("poststop", (spec ?? LoadSpec()).Hooks?.Poststop, HookState("stopped"), log.Warning); // else its creator did not come so far as to make anything, or another deletes it, too
        DeleteDirectory();
    }

    // Two may be at it: a runtime in the foreground whose container another checkpoints or deletes.
    private void DeleteDirectory()
    {
        // What there usually is, without looking; anything else (criu leaves some) by looking.
        foreach (var name in (ReadOnlySpan<string>)[ContainerStore.StateName, SpecName, ContainerStore.FifoName]) _ = Libc.unlinkat(OpenAt.AT_FDCWD, Path.Combine(Directory, name), 0);
        if (Libc.unlinkat(OpenAt.AT_FDCWD, Directory, OpenAt.AT_REMOVEDIR) == 0) return;
        while (System.IO.Directory.Exists(Directory))
        {
            try { System.IO.Directory.Delete(Directory, recursive: true); }
            catch (Exception error) when (error is DirectoryNotFoundException or FileNotFoundException) { } // the other was first
        }
    }
}
