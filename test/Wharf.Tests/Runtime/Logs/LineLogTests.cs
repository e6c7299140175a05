using System.Text;
using Shouldly;
using Wharf.Runtime.Logs;
using Xunit;

namespace Wharf.Tests.Runtime.Logs;

public sealed class LineLogTests
{
    private sealed class Lines : LineLog
    {
        public List<(int Stream, string Text, PartOfLine? Part)> All { get; } = [];

        protected override void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part) => All.Add((stream, Encoding.UTF8.GetString(text), part));

        public override void Dispose() { }
    }

    [Fact]
    public void Lines_come_whole_however_the_reads_cut_them()
    {
        using var log = new Lines();
        log.Write(0, "on"u8);
        log.Write(1, "err\n"u8);
        log.Write(0, "e\ntwo\n\nth"u8);
        log.Write(0, "ree\n"u8);
        log.Finish();
        log.All.Select(line => (line.Stream, line.Text)).ShouldBe([(1, "err"), (0, "one"), (0, "two"), (0, ""), (0, "three")]);
        log.All.ShouldAllBe(line => line.Part == null);
    }

    [Fact]
    public void A_long_line_comes_in_numbered_parts_of_16_KiB()
    {
        using var log = new Lines();
        var text = new string('x', 40_000) + "\n";
        for (int at = 0; at < text.Length; at += 7000) log.Write(0, Encoding.ASCII.GetBytes(text[at..Math.Min(text.Length, at + 7000)]));
        log.All.Select(line => line.Text.Length).ShouldBe([16384, 16384, 40_000 - 32768]);
        log.All.Select(line => (line.Part!.Ordinal, line.Part.Last)).ShouldBe([(1, false), (2, false), (3, true)]);
        log.All.Select(line => line.Part!.Id).Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public void A_line_of_exactly_16_KiB_is_whole()
    {
        using var log = new Lines();
        log.Write(0, Encoding.ASCII.GetBytes(new string('x', LineLog.MaxLine) + "\nnext\n"));
        log.All.Select(line => line.Text.Length).ShouldBe([LineLog.MaxLine, 4]);
        log.All[0].Part.ShouldBeNull();
    }

    [Fact]
    public void What_is_left_without_a_line_end_is_a_part_that_no_last_one_follows()
    {
        using var log = new Lines();
        log.Write(0, "rest"u8);
        log.Finish();
        log.All.ShouldHaveSingleItem().Part!.Last.ShouldBeFalse();
    }
}
