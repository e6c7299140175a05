using System.Security.Cryptography;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Sizes of volumes and of containers' writable layers, kept to by the file system they lie on where it counts projects.</summary>
internal sealed class DirectoryQuotas(string root)
{
    // Far from the small numbers that people and other engines choose.
    private const int FirstProject = 1 << 28, LastProject = 1 << 30, Attempts = 100;

    /// <summary>Whether the file system can do it. Asked anew each time: it may have been mounted again with quotas.</summary>
    public bool IsOn
    {
        get
        {
            using var directory = OpenAt.Open(root, O.RDONLY | O.DIRECTORY);
            return ProjectQuota.IsOn(directory);
        }
    }

    /// <summary>Limits what a new, empty directory may hold.</summary>
    public void Set(string path, long bytes, string what = "volume")
    {
        try
        {
            using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
            uint project = FreeProject(directory);
            ProjectQuota.Limit(directory, project, bytes, path);
            ProjectQuota.Mark(directory, project, path);
        }
        catch (SyscallException error) { throw new WharfException(ErrorKind.Internal, $"failed to set size quota on {what} '{path}': {error.Message}", error); }
    }

    private static uint FreeProject(Fd directory)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            uint project = (uint)RandomNumberGenerator.GetInt32(FirstProject, LastProject);
            if (ProjectQuota.IsFree(directory, project)) return project;
        }
        throw new WharfException(ErrorKind.Internal, "no project number is free for a quota");
    }

    /// <summary>Gives the limit of a directory up that is about to go.</summary>
    public void Free(string path)
    {
        if (!Directory.Exists(path)) return;
        try
        {
            using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
            if (ProjectQuota.ProjectOf(directory) is >= FirstProject and < LastProject and var project) ProjectQuota.Limit(directory, project, 0, path);
        }
        catch (SyscallException) { /* a file system that counts no projects (any more): there is no limit to give up */ }
    }
}
