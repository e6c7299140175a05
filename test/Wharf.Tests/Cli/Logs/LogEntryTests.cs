using System.Text;
using Shouldly;
using Wharf.Cli;
using Wharf.Cli.Logs;
using Xunit;

namespace Wharf.Tests.Cli.Logs;

/// <summary>Lines of several containers as one stream.</summary>
public sealed class LogEntryTests
{
    private const string Time = "2026-01-02T03:04:05.000000007Z";

    private static byte[] Frame(byte stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [stream, 0, 0, 0, 0, 0, (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    private static async Task<List<LogEntry>> ReadAsync(byte[] bytes, bool isTerminal)
    {
        var reader = new LogEntryReader(new MemoryStream(bytes), isTerminal);
        var entries = new List<LogEntry>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken) is { } entry) entries.Add(entry);
        return entries;
    }

    [Fact]
    public async Task Frames_and_plain_lines_are_read()
    {
        var entries = await ReadAsync([.. Frame(1, $"{Time} out\n"), .. Frame(2, $"{Time} part")], isTerminal: false);
        entries.Select(entry => (entry.Stream, entry.Time, Encoding.UTF8.GetString(entry.Text.Span), entry.EndsLine)).ShouldBe([(1, Time, "out\n", true), (2, Time, "part", false)]);
        (await ReadAsync(Encoding.UTF8.GetBytes($"{Time} a b\r\n{Time} \n"), isTerminal: true)).Select(entry => Encoding.UTF8.GetString(entry.Text.Span)).ShouldBe(["a b\r\n", "\n"]);
    }

    [Fact]
    public async Task What_is_cut_or_has_no_time_is_an_error()
    {
        await Should.ThrowAsync<IOException>(() => ReadAsync(Frame(1, "no time\n"), isTerminal: false));
        await Should.ThrowAsync<IOException>(() => ReadAsync(Frame(1, $"{Time} out\n")[..20], isTerminal: false));
        await Should.ThrowAsync<IOException>(() => ReadAsync(Frame(3, "it failed"), isTerminal: false));
    }

    [Fact]
    public async Task Lines_get_their_containers_name_and_are_written_whole()
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        await using var cli = new CliContext(new GlobalOptions(), Stream.Null, output, error);
        using var printer = new LogPrinter(cli, ["a", "long"], isColored: false, showsTimes: true);
        await WriteAsync(printer, 0, 1, "begun ");
        await WriteAsync(printer, 1, 1, "other\n");
        await WriteAsync(printer, 0, 2, "err\n");
        await WriteAsync(printer, 0, 1, "ended\n");
        await WriteAsync(printer, 1, 1, "rest");
        await printer.FlushAsync(1, TestContext.Current.CancellationToken);
        Encoding.UTF8.GetString(output.ToArray()).ShouldBe($"long | {Time} other\na    | {Time} begun ended\nlong | {Time} rest\n");
        Encoding.UTF8.GetString(error.ToArray()).ShouldBe($"a    | {Time} err\n");
    }

    [Fact]
    public async Task Names_are_coloured_and_lines_are_not()
    {
        using var output = new MemoryStream();
        await using var cli = new CliContext(new GlobalOptions(), Stream.Null, output, Stream.Null);
        using var printer = new LogPrinter(cli, ["a", "b"], isColored: true, showsTimes: false);
        await WriteAsync(printer, 1, 1, "x\n");
        Encoding.UTF8.GetString(output.ToArray()).ShouldBe("\e[33mb | \e[0mx\n");
    }

    [Fact]
    public void A_time_becomes_seconds_with_nanoseconds() => LogMerge.ToApi(Time).ShouldBe("1767323045.000000007");

    private static Task WriteAsync(LogPrinter printer, int container, byte stream, string text) => printer.WriteAsync(container, new LogEntry(Time, stream, Encoding.UTF8.GetBytes(text)), TestContext.Current.CancellationToken);
}
