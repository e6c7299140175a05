using System.Reflection;
using System.Runtime.InteropServices;
using Shouldly;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Xunit;

namespace Wharf.Tests.Abi;

/// <summary>Structures that go to the kernel have its size and its fields' places, asserted by the C compiler.</summary>
public sealed class StructTests
{
    /// <summary>Our type, the kernel's, and our fields' names for its fields.</summary>
    private static readonly (string Type, string C, (string Ours, string Theirs)[] Fields)[] Structs =
    [
        ("Wharf.Linux.Fds.FileExtents+Request", "struct fiemap", [("Start", "fm_start"), ("Flags", "fm_flags"), ("Mapped", "fm_mapped_extents"), ("Count", "fm_extent_count")]),
        ("Wharf.Linux.Fds.FileExtents+Extent", "struct fiemap_extent", [("Offset", "fe_logical"), ("Place", "fe_physical"), ("Length", "fe_length"), ("_flags", "fe_flags")]),
        ("Wharf.Linux.Mounts.MountTree+Attributes", "struct mount_attr", [("Set", "attr_set"), ("Clear", "attr_clr"), ("Propagation", "propagation"), ("UserNamespaceFd", "userns_fd")]),
        ("Wharf.Linux.Fds.OpenAt+OpenHow", "struct open_how", [("Flags", "flags"), ("Mode", "mode"), ("Resolve", "resolve")]),
        ("Wharf.Linux.Mounts.ProjectQuota+DiskQuota", "struct if_dqblk", [("HardBlocks", "dqb_bhardlimit"), ("Space", "dqb_curspace"), ("Inodes", "dqb_curinodes"), ("Valid", "dqb_valid")]),
        ("Wharf.Linux.Mounts.Subvolume+NamedArguments", "struct btrfs_ioctl_vol_args", [("Fd", "fd"), ("Name", "name")]),
        ("Wharf.Linux.Mounts.Subvolume+SnapshotArguments", "struct btrfs_ioctl_vol_args_v2", [("Fd", "fd"), ("Flags", "flags"), ("Name", "name")]),
        ("Wharf.Linux.Mounts.Subvolume+Information", "struct btrfs_ioctl_get_subvol_info_args", [("Name", "name"), ("Uuid", "uuid"), ("ParentUuid", "parent_uuid"), ("Changes", "ctransid")]),
        ("Wharf.Runtime.Init.ResourceLimit", "struct rlimit64", [("Soft", "rlim_cur"), ("Hard", "rlim_max")]),
        ("Wharf.Runtime.Init.CloneArguments", "struct clone_args",
            [("Flags", "flags"), ("PidFd", "pidfd"), ("ExitSignal", "exit_signal"), ("Stack", "stack"), ("StackSize", "stack_size"), ("Cgroup", "cgroup")]),
        ("Wharf.Runtime.Seccomp.BpfInstruction", "struct sock_filter", []),
        ("Wharf.Runtime.Cgroups.CgroupEvents+PollFd", "struct pollfd", [("Fd", "fd"), ("Events", "events"), ("Returned", "revents")]),
    ];

    [Fact]
    public void Structures_are_the_kernels()
    {
        var asserts = new List<string>();
        foreach (var (name, c, fields) in Structs)
        {
            var type = typeof(Libc).Assembly.GetType(name) ?? typeof(Launcher).Assembly.GetType(name);
            type.ShouldNotBeNull(name);
            asserts.Add($"_Static_assert(sizeof({c}) == {SizeOf(type)}, \"sizeof {name}\");");
            foreach (var (ours, theirs) in fields) asserts.Add($"_Static_assert(offsetof({c}, {theirs}) == {Marshal.OffsetOf(type, ours)}, \"{name}.{ours}\");");
        }
        // Those that are read and written by offset and not as a type.
        asserts.AddRange(
        [
            "_Static_assert(sizeof(struct bpf_cgroup_dev_ctx) == 12 && offsetof(struct bpf_cgroup_dev_ctx, major) == 4 && offsetof(struct bpf_cgroup_dev_ctx, minor) == 8, \"bpf_cgroup_dev_ctx\");",
            "_Static_assert(sizeof(struct ifreq) == 40 && offsetof(struct ifreq, ifr_flags) == 16, \"ifreq\");",
            "_Static_assert(sizeof(struct fsxattr) == 28 && offsetof(struct fsxattr, fsx_projid) == 12, \"fsxattr\");",
            "_Static_assert(sizeof(struct nlmsghdr) == 16, \"nlmsghdr\");",
            "_Static_assert(sizeof(struct epoll_event) == " + (RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16) + ", \"epoll_event\");",
            "_Static_assert(sizeof(struct bpf_insn) == 8, \"bpf_insn\");",
            "_Static_assert(offsetof(struct statx, stx_mode) == 28 && offsetof(struct statx, stx_size) == 40 && offsetof(struct statx, stx_ctime) == 96, \"statx\");",
        ]);
        KernelConstantTests.Compile(asserts).ShouldBeEmpty();
    }

    [Fact]
    public void A_wrong_value_is_found()
    {
        KernelConstantTests.Compile(["_Static_assert(EPERM == 2, \"EPERM\");", "_Static_assert(NO_SUCH_NAME == 1, \"x\");"]).Count.ShouldBe(2);
    }

    private static int SizeOf(Type type) => (int)typeof(Marshal).GetMethods(BindingFlags.Static | BindingFlags.Public)
        .Single(method => method is { Name: nameof(Marshal.SizeOf), IsGenericMethod: true } && method.GetParameters().Length == 0).MakeGenericMethod(type).Invoke(null, null)!;
}
