using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>A container to launch. The descriptors become the program's standard streams and are only borrowed; with a terminal they are not used.</summary>
public sealed record LaunchRequest
{
    public required string ContainerId { get; init; }
    public required Spec Spec { get; init; }
    /// <summary>Mounted, in order, as the root: an overlay or a bind.</summary>
    public required IReadOnlyList<Mount> Rootfs { get; init; }
    public int Stdin { get; init; } = -1;
    public int Stdout { get; init; } = -1;
    public int Stderr { get; init; } = -1;
    /// <summary>Host path of docker's --init.</summary>
    public string? InitPath { get; init; }
    /// <summary>Where its group is to be; by default what the configuration says, as a path.</summary>
    public CgroupPlace? Cgroup { get; init; }
    /// <summary>The bundle's directory, told to hooks.</summary>
    public string Bundle { get; init; } = "";
    /// <summary>
    /// Called once the process exists, with its PID; the terminal's master too where there is one. With hooks, before the first of them;
    /// with a start that comes later, before that; else the program may run already.
    /// </summary>
    public Action<int, Fd?>? Created { get; init; }
    /// <summary>A fifo, open for reading and writing: the process reads a byte from it before it executes its program.</summary>
    public Fd? StartFifo { get; init; }
    /// <summary>How many descriptors from 3 on the program inherits.</summary>
    public int PreserveFds { get; init; }
    /// <summary>Changes the root by chroot on a moved mount: for roots on a ramfs, which pivot_root refuses.</summary>
    public bool NoPivot { get; init; }
    public bool NoNewKeyring { get; init; }
    /// <summary>The caller is the program's only thread, and may be taken for the launch.</summary>
    public bool OnCallersThread { get; init; }
}

/// <summary>A process to run in a container that is there.</summary>
public sealed record ExecLaunch
{
    public required string ContainerId { get; init; }
    public required Fd InitPidFd { get; init; }
    public required int InitPid { get; init; }
    public required Process Process { get; init; }
    /// <summary>The container's own configuration: seccomp and namespaces are the same for an exec.</summary>
    public required LinuxSpec? Linux { get; init; }
    public required Cgroup Cgroup { get; init; }
    /// <summary>What the container's own program may do: what runs there already is to be kept from the process before its execve.</summary>
    public required Capabilities? OfContainer { get; init; }
    /// <summary>Files to join another cgroup by, in place of the container's own.</summary>
    public IEnumerable<string>? JoinFiles { get; init; }
    public int Stdin { get; init; } = -1;
    public int Stdout { get; init; } = -1;
    public int Stderr { get; init; } = -1;
    public int PreserveFds { get; init; }
    public bool NoNewKeyring { get; init; } = true;
    /// <summary>The bundle's directory and the container's annotations, told to a seccomp listener.</summary>
    public string Bundle { get; init; } = "";
}

/// <summary>A process that runs. Everything in it is the caller's to dispose.</summary>
public sealed record Launched(int Pid, Fd PidFd, DateTimeOffset StartedAt, Fd? TerminalMaster, Cgroup Cgroup, IReadOnlyList<string> Warnings);

/// <summary>A launch that failed; nothing of it is left. <see cref="ExitCode"/> is docker's 125, 126 or 127.</summary>
public sealed class LaunchException(string message, string step, int errno, int exitCode, Exception? inner = null) : Exception(message, inner)
{
    public string Step { get; } = step;
    public int Errno { get; } = errno;
    public int ExitCode { get; } = exitCode;
}
