using System.Text;
using Shouldly;
using Wharf.Engine.Logs;
using Wharf.Runtime.Logs;
using Wharf.Specs.Shim;
using Xunit;

namespace Wharf.Tests.Engine.Logs;

/// <summary>What the shim writes, the engine reads: both halves of a log together.</summary>
public sealed class LogServiceTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-logs-").FullName;
    private string LogPath => Path.Combine(_directory, "x.log");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private ContainerLog Open(string driver, long? size = null, int files = 5, bool compress = false) =>
        LogDrivers.Open(new LogTarget { Driver = driver, Path = LogPath, MaxSize = size, MaxFile = files, Compress = compress })!;

    private async Task<string> ReadAsync(string driver, int? tail = null, Task? follow = null)
    {
        using var output = new MemoryStream();
        await new LogService().CopyAsync(new LogQuery
        {
            Path = LogPath, Format = driver == "local" ? LogFormat.Local : LogFormat.JsonFile, Multiplexed = false, Tail = tail, FollowUntil = follow,
        }, output, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static byte[] Numbered(int from, int count) => Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(from, count).Select(i => $"line {i}\n")));

    [Theory]
    [InlineData("json-file", false)]
    [InlineData("json-file", true)]
    [InlineData("local", false)]
    [InlineData("local", true)]
    public async Task All_lines_are_there_once_and_in_order_across_rotations(string driver, bool compress)
    {
        using (var log = Open(driver, size: 4096, files: 100, compress))
            for (int i = 0; i < 200; i++) log.Write(0, Numbered(i * 10, 10));
        (await ReadAsync(driver)).ShouldBe(Encoding.ASCII.GetString(Numbered(0, 2000)));
        File.Exists(LogPath + (compress ? ".3.gz" : ".3")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("json-file")]
    [InlineData("local")]
    public async Task The_last_lines_come_from_as_many_files_as_need_be(string driver)
    {
        using (var log = Open(driver, size: 4096, files: 100, compress: true))
            for (int i = 0; i < 200; i++) log.Write(0, Numbered(i * 10, 10));
        (await ReadAsync(driver, tail: 3)).ShouldBe(Encoding.ASCII.GetString(Numbered(1997, 3)));
        (await ReadAsync(driver, tail: 1500)).ShouldBe(Encoding.ASCII.GetString(Numbered(500, 1500)));
        (await ReadAsync(driver, tail: 0)).ShouldBe("");
        (await ReadAsync(driver, tail: 99999)).ShouldBe(Encoding.ASCII.GetString(Numbered(0, 2000)));
    }

    [Theory]
    [InlineData("json-file")]
    [InlineData("local")]
    public async Task A_follower_misses_nothing_while_files_are_rotated_under_it(string driver)
    {
        var end = new TaskCompletionSource();
        using var log = Open(driver, size: 2048, files: 1000, compress: true);
        log.Write(0, Numbered(0, 10));
        var reading = ReadAsync(driver, follow: end.Task);
        await Task.Run(() => { for (int i = 1; i < 500; i++) log.Write(0, Numbered(i * 10, 10)); }, TestContext.Current.CancellationToken);
        log.Finish();
        end.SetResult();
        (await reading).ShouldBe(Encoding.ASCII.GetString(Numbered(0, 5000)));
    }

    [Theory]
    [InlineData("json-file")]
    [InlineData("local")]
    public async Task Long_lines_and_unfinished_ones_come_back_as_they_were_written(string driver)
    {
        var text = new string('y', 50_000) + "\nend\nno line end";
        using (var log = Open(driver))
        {
            log.Write(0, Encoding.ASCII.GetBytes(text));
            log.Finish();
        }
        (await ReadAsync(driver)).ShouldBe(text);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_survive_the_local_driver()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(value => (byte)value).Where(value => value != '\n'), (byte)'\n'];
        using (var log = Open("local")) log.Write(1, bytes);
        using var output = new MemoryStream();
        await new LogService().CopyAsync(new LogQuery { Path = LogPath, Format = LogFormat.Local, Multiplexed = false }, output, TestContext.Current.CancellationToken);
        output.ToArray().ShouldBe(bytes);
    }

    [Fact]
    public async Task A_torn_entry_hides_nothing_but_itself()
    {
        using (var log = Open("local")) log.Write(0, Numbered(0, 5));
        using (var file = new FileStream(LogPath, FileMode.Append)) file.Write([0, 0, 0, 40, 0x0a, 6, (byte)'s', (byte)'t']);
        using (var log = Open("local")) log.Write(0, Numbered(5, 5));
        (await ReadAsync("local")).ShouldBe(Encoding.ASCII.GetString(Numbered(0, 10)));
    }

    [Fact]
    public async Task With_one_file_only_the_newest_lines_are_kept()
    {
        using (var log = Open("json-file", size: 2048, files: 1))
            for (int i = 0; i < 100; i++) log.Write(0, Numbered(i * 10, 10));
        var text = await ReadAsync("json-file");
        text.ShouldEndWith("line 999\n");
        Directory.GetFiles(_directory, "x.log.[0-9]*").ShouldBeEmpty();
    }
}
