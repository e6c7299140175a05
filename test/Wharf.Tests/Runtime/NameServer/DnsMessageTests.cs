using CsCheck;
using Shouldly;
using Wharf.Runtime.NameServer;
using Xunit;

namespace Wharf.Tests.Runtime.NameServer;

public class DnsMessageTests
{
    private static byte[] Query(string name, ushort type, int? edns = null)
    {
        Span<byte> labels = stackalloc byte[256];
        DnsAnswer.TryEncode(name, labels, out int length).ShouldBeTrue();
        byte[] head = [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, (byte)(edns is null ? 0 : 1)];
        byte[] tail = [(byte)(type >> 8), (byte)type, 0, 1];
        byte[] option = edns is { } size ? [0, 0, 41, (byte)(size >> 8), (byte)size, 0, 0, 0, 0, 0, 0] : [];
        return [.. head, .. labels[..length], .. tail, .. option];
    }

    [Fact]
    public void A_question_is_read_in_lower_case()
    {
        var name = new char[DnsQuestion.MaxName];
        DnsQuestion.TryRead(Query("Web.Example.ORG", DnsQuestion.AAAA, 1232), name, out var question).ShouldBeTrue();
        question.Name.ToString().ShouldBe("web.example.org");
        (question.Type, question.UdpSize, question.HasEdns).ShouldBe((DnsQuestion.AAAA, 1232, true));
        DnsQuestion.TryRead(Query("a", DnsQuestion.A), name, out question).ShouldBeTrue();
        (question.UdpSize, question.HasEdns).ShouldBe((512, false));
    }

    [Fact]
    public void Records_that_do_not_fit_are_told_of()
    {
        var query = Query("many", DnsQuestion.A);
        DnsQuestion.TryRead(query, new char[DnsQuestion.MaxName], out var question).ShouldBeTrue();
        var buffer = new byte[4096];
        var answer = new DnsAnswer(buffer, query, question, DnsAnswer.NoError, recursion: true, question.UdpSize);
        int added = 0;
        while (answer.AddAddress([10, 0, 0, 1])) added++;
        int length = answer.Finish(edns: false);
        length.ShouldBeLessThanOrEqualTo(512);
        (buffer[2] & 0x02).ShouldBe(0x02, "TC");
        buffer[7].ShouldBe((byte)added);
    }

    // Containers send what they like: nothing may be read beyond the message, nothing thrown.
    [Fact]
    public void Any_bytes_are_read_without_harm() => Gen.Byte.Array[0, 600].Sample(bytes =>
    {
        if (bytes.Length > 5) (bytes[2], bytes[4], bytes[5]) = (1, 0, 1);
        if (DnsQuestion.TryRead(bytes, new char[DnsQuestion.MaxName], out var question)) question.End.ShouldBeLessThanOrEqualTo(bytes.Length);
    }, iter: 20000);

    [Fact]
    public void A_name_longer_than_the_protocol_allows_is_none()
    {
        byte[] label = [63, .. Enumerable.Repeat((byte)'a', 63)];
        byte[] message = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. label, .. label, .. label, .. label, 0, 0, 1, 0, 1];
        DnsQuestion.TryRead(message, new char[DnsQuestion.MaxName], out _).ShouldBeFalse();
    }
}
