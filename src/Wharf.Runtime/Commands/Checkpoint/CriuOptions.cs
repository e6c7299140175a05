using Wharf.Runtime.Protobuf;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>Kinds of requests (criu's rpc.proto, criu_req_type).</summary>
internal enum CriuRequest { Empty, Dump, Restore, Check, PreDump, PageServer, Notify, CpuInfoDump, CpuInfoCheck, FeatureCheck, Version }

/// <summary>What criu does about cgroups (criu_cg_mode).</summary>
internal enum CriuCgroupMode { Ignore, None, Props, Soft, Full, Strict, Default }

/// <summary>What criu is asked for (rpc.proto, criu_opts). Descriptors are this process's; criu opens them anew by its number.</summary>
internal sealed record CriuOptions
{
    public required int ImagesDirectory { get; init; }
    public int? WorkDirectory { get; init; }
    public required string LogFile { get; init; }
    public int? Pid { get; init; }
    public string? Root { get; init; }
    public bool LeaveRunning { get; init; }
    public bool ExternalUnixSockets { get; init; }
    public bool TcpEstablished { get; init; }
    public bool TcpSkipInFlight { get; init; }
    public bool EvasiveDevices { get; init; }
    public bool ShellJob { get; init; }
    public bool FileLocks { get; init; }
    public bool LinkRemap { get; init; }
    public (string Address, int Port)? PageServer { get; init; }
    public string? ParentImage { get; init; }
    public bool TrackMemory { get; init; }
    public bool AutoDedup { get; init; }
    public bool LazyPages { get; init; }
    public bool RestoreSibling { get; init; }
    public CriuCgroupMode CgroupMode { get; init; } = CriuCgroupMode.Soft;
    public string? FreezeCgroup { get; init; }
    public uint EmptyNamespaces { get; init; }
    public string? LsmProfile { get; init; }
    public string? LsmMountContext { get; init; }
    public string? ConfigFile { get; init; }
    /// <summary>Mounts of the outside: how criu is to call them, or, for a restore, where they are.</summary>
    public IReadOnlyList<(string Key, string Value)> Mounts { get; init; } = [];
    /// <summary>Other things of the outside, as <c>net[INODE]:NAME</c>.</summary>
    public IReadOnlyList<string> External { get; init; } = [];
    public IReadOnlyList<(string Controllers, string Path)> CgroupRoots { get; init; } = [];
    /// <summary>Descriptors of criu's own that stand in for what was open before.</summary>
    public IReadOnlyList<(string Key, int Fd)> Inherited { get; init; } = [];

    public void Write(ProtoWriter to)
    {
        const int MostLog = 4;
        to.Number(1, ImagesDirectory);
        if (Pid is { } pid) to.Number(2, pid);
        to.Switch(3, LeaveRunning);
        to.Switch(4, ExternalUnixSockets);
        to.Switch(5, TcpEstablished);
        to.Switch(6, EvasiveDevices);
        to.Switch(7, ShellJob);
        to.Switch(8, FileLocks);
        to.Number(9, MostLog);
        to.Text(10, LogFile);
        if (PageServer is { } server)
            to.Message(11, info =>
            {
                info.Text(1, server.Address);
                info.Number(2, server.Port);
            });
        to.Switch(12, true); // notifications
        to.Text(13, Root);
        to.Text(14, ParentImage);
        to.Switch(15, TrackMemory);
        to.Switch(16, AutoDedup);
        if (WorkDirectory is { } work) to.Number(17, work);
        to.Switch(18, LinkRemap);
        foreach (var (key, value) in Mounts) to.Message(23, pair => WritePair(pair, key, value));
        to.Switch(24, true); // manage cgroups; how is said below
        foreach (var (controllers, path) in CgroupRoots) to.Message(25, pair => WritePair(pair, controllers, path));
        to.Switch(26, RestoreSibling);
        foreach (var (key, fd) in Inherited)
            to.Message(27, pair =>
            {
                pair.Text(1, key);
                pair.Number(2, fd);
            });
        to.Number(34, (int)CgroupMode);
        foreach (var external in External) to.Text(37, external);
        if (EmptyNamespaces != 0) to.Number(38, EmptyNamespaces);
        to.Text(44, FreezeCgroup);
        to.Switch(46, TcpSkipInFlight);
        to.Switch(48, LazyPages);
        to.Switch(50, true); // a terminal's master comes with a notification
        to.Text(51, ConfigFile);
        to.Text(53, LsmProfile);
        to.Text(63, LsmMountContext);
    }

    private static void WritePair(ProtoWriter to, string first, string second)
    {
        to.Text(1, first);
        to.Text(2, second);
    }
}
