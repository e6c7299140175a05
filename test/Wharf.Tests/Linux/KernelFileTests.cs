using Shouldly;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Xunit;

namespace Wharf.Tests.Linux;

public sealed class KernelFileTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(20_000)]
    public void A_file_of_any_length_is_read_whole(int length)
    {
        var path = Path.GetTempFileName();
        try
        {
            var text = string.Concat(Enumerable.Range(0, length).Select(number => number % 79 == 78 ? '\n' : (char)('a' + number % 26)));
            File.WriteAllText(path, text);
            KernelFile.Read(path).ShouldBe(text);
            KernelFile.ReadLines(path).ShouldBe(File.ReadAllLines(path));
        }
        finally { File.Delete(path); }
    }

    [Fact]
    public void Characters_across_the_buffer_s_end_stay_whole()
    {
        var path = Path.GetTempFileName();
        try
        {
            var text = new string('x', 4095) + "ü" + new string('y', 4095) + "ß";
            File.WriteAllText(path, text);
            KernelFile.Read(path).ShouldBe(text);
        }
        finally { File.Delete(path); }
    }

    [Fact]
    public void The_kernel_s_own_are_as_a_stream_reads_them() => KernelFile.ReadLines("/proc/self/status")[0].ShouldBe(File.ReadLines("/proc/self/status").First());

    [Fact]
    public void A_missing_one_is_null_or_an_error()
    {
        KernelFile.TryRead("/proc/no such", out int errno).ShouldBeNull();
        errno.ShouldBe(Errno.ENOENT);
        Should.Throw<SyscallException>(() => KernelFile.Read("/proc/self")).Errno.ShouldBe(Errno.EISDIR);
    }
}
