using System.Text.Json;
using System.Text;
using Shouldly;
using Wharf.Runtime.Logs;
using Wharf.Specs.Shim;
using Xunit;

namespace Wharf.Tests.Runtime.Logs;

public sealed class SenderTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 25, 12, 0, 1, 234, TimeSpan.Zero);

    private static LogTarget Target(params (string Key, string Value)[] options) => new()
    {
        Driver = "x", Options = options.ToDictionary(option => option.Key, option => option.Value), Attributes = new() { ["colour"] = "red" },
        Source = new LogSource { ContainerId = new string('a', 64), ContainerName = "web", ImageName = "busybox", Tag = "web", Hostname = "host" },
    };

    private static LogLine Line(string text, int stream = 0) => new(stream, Encoding.UTF8.GetBytes(text), Noon, null);

    [Theory]
    [InlineData("", "<30>Nov 25 12:00:01 web[")]
    [InlineData("rfc3164", "<30>Nov 25 12:00:01 host web[")]
    [InlineData("rfc5424", "<30>1 2026-11-25T12:00:01")]
    [InlineData("rfc5424micro", "<30>1 2026-11-25T12:00:01.234000")]
    public void Syslog_messages_have_the_head_of_their_format(string format, string head)
    {
        Assert.SkipUnless(TimeZoneInfo.Local.BaseUtcOffset == TimeSpan.Zero, "times are shown in the machine's zone");
        using var sender = new SyslogSender(Target(("syslog-format", format), ("syslog-address", "udp://127.0.0.1:1")));
        var text = Encoding.UTF8.GetString(sender.Format(Line("hello")));
        text.ShouldStartWith(head);
        text.ShouldEndWith("hello\n");
    }

    [Fact]
    public void Syslog_tells_errors_and_the_facility_in_the_priority()
    {
        using var sender = new SyslogSender(Target(("syslog-facility", "local0"), ("syslog-address", "udp://127.0.0.1:1")));
        Encoding.UTF8.GetString(sender.Format(Line("x", stream: 1))).ShouldStartWith("<131>");
    }

    [Fact]
    public void Syslog_over_tls_counts_its_frames()
    {
        using var sender = new SyslogSender(Target(("syslog-format", "rfc5424"), ("syslog-address", "tcp+tls://127.0.0.1:1")));
        var frame = sender.Format(Line("hello"));
        int space = Array.IndexOf(frame, (byte)' ');
        int.Parse(Encoding.ASCII.GetString(frame, 0, space)).ShouldBe(frame.Length - space - 1);
    }

    [Fact]
    public void A_gelf_message_carries_the_container_and_the_extra_fields()
    {
        using var sender = new GelfSender(Target(("gelf-address", "udp://127.0.0.1:1")));
        using var message = JsonDocument.Parse(sender.Format(Line("hé \"x\"", stream: 1)));
        message.RootElement.GetProperty("short_message").GetString().ShouldBe("hé \"x\"");
        message.RootElement.GetProperty("level").GetInt32().ShouldBe(3);
        message.RootElement.GetProperty("_container_name").GetString().ShouldBe("web");
        message.RootElement.GetProperty("_colour").GetString().ShouldBe("red");
        message.RootElement.GetProperty("timestamp").GetDouble().ShouldBe(Noon.ToUnixTimeMilliseconds() / 1000.0);
    }

    [Fact]
    public void A_fluentd_message_is_an_array_of_tag_time_and_record()
    {
        using var sender = new FluentdSender(Target(("fluentd-sub-second-precision", "true")));
        var message = sender.Format(Line("hello"), null).Span;
        message[0].ShouldBe((byte)0x93);
        message[1..5].ToArray().ShouldBe([0xa3, .. "web"u8]);
        message[5..7].ToArray().ShouldBe([0xd7, 0x00]);
        message[15].ShouldBe((byte)0x85); // a map of five
    }

    [Fact]
    public void A_journal_field_with_a_line_end_carries_its_length()
    {
        using var sender = new JournaldSender(Target());
        var entry = sender.Format(Line("a\nb")).Span;
        entry.IndexOf((byte[])[.. "MESSAGE\n"u8, 3, 0, 0, 0, 0, 0, 0, 0, .. "a\nb\n"u8]).ShouldBeGreaterThan(0);
        entry.IndexOf("CONTAINER_NAME=web\n"u8).ShouldBeGreaterThanOrEqualTo(0);
        entry.IndexOf("COLOUR=red\n"u8).ShouldBeGreaterThanOrEqualTo(0);
    }

    [Theory]
    [InlineData("udp://10.0.0.1:514", "udp", "10.0.0.1", 514)]
    [InlineData("tcp://[::1]:99", "tcp", "::1", 99)]
    [InlineData("host", "tcp", "host", 7)]
    [InlineData("unixgram:///dev/log", "unixgram", "/dev/log", 0)]
    public void Addresses_are_read(string text, string scheme, string host, int port) => LogAddress.Parse(text, 7).ShouldBe(new LogAddress(scheme, host, port));
}
