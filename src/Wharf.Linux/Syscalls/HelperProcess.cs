using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;

namespace Wharf.Linux.Syscalls;

/// <summary>
/// A program of the machine that is given a descriptor and serves it until it ends by itself. It has a session of its own, nothing of this process but that
/// descriptor, and is not waited for by anybody but a thread that reads its complaints and reaps it.
/// </summary>
internal sealed unsafe partial class HelperProcess
{
    // Of glibc 80 and 336 bytes (spawn.h); other C libraries need no more.
    private const int ActionsSize = 256, AttributesSize = 1024, SignalSetSize = 128;
    private const short POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8, POSIX_SPAWN_SETSID = 0x80;
    private const int MostComplaint = 2048;

    private readonly Fd _errors;
    private readonly StringBuilder _complaint = new();
    private readonly ManualResetEventSlim _ended = new();
    private readonly int _pid;

    private HelperProcess(int pid, Fd errors) => (_pid, _errors) = (pid, errors);

    /// <summary>Starts a program that is found on the PATH, with a copy of a descriptor under a number of its own above the three streams.</summary>
    public static HelperProcess Start(string program, IReadOnlyList<string> arguments, Fd descriptor, int number)
    {
        int* pipe = stackalloc int[2];
        SyscallException.Check(Libc.pipe2(pipe, O.CLOEXEC), "pipe2");
        using var output = new Fd(pipe[1]);
        var errors = new Fd(pipe[0]);
        try
        {
            var process = new HelperProcess(Spawn(program, [program, .. arguments], descriptor, number, output), errors);
            new Thread(process.Follow, 256 << 10) { IsBackground = true, Name = program }.Start();
            return process;
        }
        catch
        {
            errors.Dispose();
            throw;
        }
    }

    /// <summary>What it wrote to its standard error before it ended, line by line. Waits for its end.</summary>
    public string[] Complaints()
    {
        _ended.Wait();
        return _complaint.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    /// <summary>What waitpid(2) told of its end.</summary>
    public int Status { get; private set; }

    private static int Spawn(string program, string[] arguments, Fd descriptor, int number, Fd errors)
    {
        byte* actions = stackalloc byte[ActionsSize], attributes = stackalloc byte[AttributesSize], all = stackalloc byte[SignalSetSize], none = stackalloc byte[SignalSetSize];
        new Span<byte>(all, SignalSetSize).Fill(0xff);
        new Span<byte>(none, SignalSetSize).Clear();
        Check(posix_spawn_file_actions_init(actions));
        Check(posix_spawnattr_init(attributes));
        try
        {
            Check(posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O.RDWR, 0));
            Check(posix_spawn_file_actions_adddup2(actions, 0, 1));
            Check(posix_spawn_file_actions_adddup2(actions, errors.Value, 2));
            Check(posix_spawn_file_actions_adddup2(actions, descriptor.Value, number));
            Check(posix_spawnattr_setsigdefault(attributes, all));
            Check(posix_spawnattr_setsigmask(attributes, none));
            Check(posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
            int pid;
            string[] environment = Environment.GetEnvironmentVariable("PATH") is { } path ? ["PATH=" + path] : [];
            Check(posix_spawnp(&pid, program, actions, attributes, [.. arguments, null], [.. environment, null]), program);
            return pid;
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    // These give the error as their result.
    private static void Check(int result, string program = "")
    {
        if (result != 0) throw new SyscallException("posix_spawn", result, program);
    }

    private void Follow()
    {
        using (_errors)
        {
            byte* buffer = stackalloc byte[512];
            nint count;
            while ((count = Libc.read(_errors.Value, buffer, 512)) > 0 || (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR))
                if (count > 0 && _complaint.Length < MostComplaint) _complaint.Append(Encoding.UTF8.GetString(buffer, (int)count));
        }
        int status;
        while (waitpid(_pid, &status, 0) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR) { }
        Status = status;
        _ended.Set();
    }

    private const string C = "libc";

    [LibraryImport(C)] private static partial int posix_spawn_file_actions_init(byte* actions);
    [LibraryImport(C)] private static partial int posix_spawn_file_actions_destroy(byte* actions);
    [LibraryImport(C)] private static partial int posix_spawn_file_actions_adddup2(byte* actions, int from, int to);
    [LibraryImport(C, StringMarshalling = StringMarshalling.Utf8)] private static partial int posix_spawn_file_actions_addopen(byte* actions, int fd, string path, int flags, uint mode);
    [LibraryImport(C)] private static partial int posix_spawnattr_init(byte* attributes);
    [LibraryImport(C)] private static partial int posix_spawnattr_destroy(byte* attributes);
    [LibraryImport(C)] private static partial int posix_spawnattr_setflags(byte* attributes, short flags);
    [LibraryImport(C)] private static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* signals);
    [LibraryImport(C)] private static partial int posix_spawnattr_setsigmask(byte* attributes, byte* signals);
    [LibraryImport(C, StringMarshalling = StringMarshalling.Utf8)] private static partial int posix_spawnp(int* pid, string program, byte* actions, byte* attributes, string?[] arguments, string?[] environment);
    [LibraryImport(C, SetLastError = true)] private static partial int waitpid(int pid, int* status, int options);
}
