namespace Wharf.Runtime.Cgroups;

/// <summary>A limit that the kernel or systemd refused. <see cref="Field"/> is the configuration's own name for it.</summary>
public sealed class CgroupException(string field, string message, int errno = 0, Exception? inner = null) : IOException($"{field}: {message}", inner)
{
    public string Field { get; } = field;
    public int Errno { get; } = errno;
}
