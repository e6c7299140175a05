using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Cgroups;

/// <summary>Reading and writing the small files of a cgroup. Values go out in one write: the kernel takes each write as one command.</summary>
internal static unsafe class CgroupFile
{
    /// <summary>Writes a value; 0 or the error number.</summary>
    public static int TryWrite(string path, string value)
    {
        using var file = TryOpen(path, out int errno);
        return file is null ? errno : TryWrite(file, value);
    }

    private static Fd? TryOpen(string path, out int errno)
    {
        int fd = Libc.openat(OpenAt.AT_FDCWD, path, O.WRONLY | O.CLOEXEC, 0);
        errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        return fd < 0 ? null : new Fd(fd);
    }

    private static int TryWrite(Fd file, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        while (true)
        {
            nint count;
            fixed (byte* at = bytes) count = Libc.write(file.Value, at, (nuint)bytes.Length);
            if (count >= 0) return 0;
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR) return errno; // a signal during a long write, as of a memory limit that reclaims
        }
    }

    /// <summary>Writes a value for the configuration's <paramref name="field"/>, which a failure names, in the words of the other runtimes.</summary>
    public static void Write(string path, string value, string field)
    {
        int errno = TryWrite(path, value);
        if (errno != 0) throw Refused(path, value, field, errno);
    }

    /// <summary>Writes values one after the other, each a command, to a file that is opened once.</summary>
    public static void Write(string path, IEnumerable<string> values, string field)
    {
        Fd? file = null;
        try
        {
            foreach (var value in values)
            {
                int errno = 0;
                file ??= TryOpen(path, out errno);
                if (file is not null) errno = TryWrite(file, value);
                if (errno != 0) throw Refused(path, value, field, errno);
            }
        }
        finally { file?.Dispose(); }
    }

    public static void Write(string path, long value, string field) => Write(path, value.ToString(CultureInfo.InvariantCulture), field);

    public static CgroupException Refused(string path, string value, string field, int errno) => errno == Errno.ENOENT
        ? new CgroupException(field, $"cannot set \"{value}\": open {path}: {Text(errno)} (the kernel has not got this limit, or its controller is not available)", errno)
        : new CgroupException(field, $"failed to write \"{value}\": write {path}: {Text(errno)}", errno);

    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno).ToLowerInvariant();

    /// <summary>The whole content; null where there is no such file (any more).</summary>
    public static string? Read(string path) => KernelFile.TryRead(path, out _); // gone before or while it was read (ENOENT, ENODEV), or a statistic that this device does not keep (EOPNOTSUPP)

    public static string? ReadLine(string path) => Read(path)?.Trim();

    /// <summary>A single number; "max" is the largest there is; null where there is none.</summary>
    public static ulong? Number(string path) => ReadLine(path) is not { Length: > 0 } text ? null
        : text == "max" ? ulong.MaxValue
        : text[0] == '-' ? unchecked((ulong)long.Parse(text, CultureInfo.InvariantCulture))
        : ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong value) ? value : null;

    /// <summary>Lines of a name and a number.</summary>
    public static Dictionary<string, ulong> Table(string path)
    {
        var table = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var line in (Read(path) ?? "").Split('\n'))
        {
            int space = line.IndexOf(' ');
            if (space > 0 && ulong.TryParse(line.AsSpan(space + 1).Trim(), CultureInfo.InvariantCulture, out ulong value)) table[line[..space]] = value;
        }
        return table;
    }
}
