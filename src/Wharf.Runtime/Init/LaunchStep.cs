namespace Wharf.Runtime.Init;

/// <summary>What the child does when a system call of its program fails.</summary>
internal enum OnError : byte
{
    /// <summary>Report the step and end.</summary>
    Fail,
    /// <summary>Go on; the parent finds the error in the result.</summary>
    Ignore,
    /// <summary>Leave out the next <see cref="LaunchStep.Skip"/> steps.</summary>
    Skip,
    /// <summary>An error is none; after a success the next <see cref="LaunchStep.Skip"/> steps are left out.</summary>
    SkipUnlessFails,
    /// <summary>As <see cref="Fail"/>, and a result of zero is a failure too: the end of the pipe that the child waits on.</summary>
    FailOrZero,
    /// <summary>As <see cref="Fail"/>; a clone, after which the new process goes on and this one ends.</summary>
    GoOnAsChild,
}

/// <summary>One system call with its arguments already in native memory.</summary>
internal struct LaunchStep
{
    public nint Number, A0, A1, A2, A3, A4, A5;
    /// <summary>Bit n: argument n is the index of an earlier step whose result is meant.</summary>
    public byte References;
    public OnError OnError;
    public byte Skip;
}

/// <summary>clone3's argument (struct clone_args of linux/sched.h).</summary>
internal struct CloneArguments
{
    public ulong Flags, PidFd, ChildTid, ParentTid, ExitSignal, Stack, StackSize, Tls, SetTid, SetTidSize, Cgroup;
}

/// <summary>The memory that parent and child share. Results are negative error numbers where a call failed.</summary>
internal unsafe struct LaunchShared
{
    /// <summary>First, so that its address is the whole's too (see <see cref="LaunchChild.CloneInto"/>).</summary>
    public CloneArguments Clone;
    public LaunchStep* Steps;
    public nint* Results;
    public int* Errno;
    public int Count;
    public int FailedStep;
    public int FailedErrno;
    public int ExitNumber;
    /// <summary>libc's syscall(3).</summary>
    public delegate*<nint, nint, nint, nint, nint, nint, nint, nint> Syscall;
}
