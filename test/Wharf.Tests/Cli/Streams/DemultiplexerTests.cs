using System.Text;
using CsCheck;
using Shouldly;
using Wharf.Cli.Streams;
using Xunit;

namespace Wharf.Tests.Cli.Streams;

/// <summary>Frames of stdout and stderr, whatever pieces they arrive in.</summary>
public sealed class DemultiplexerTests
{
    private static byte[] Frame(byte kind, byte[] content) => [kind, 0, 0, 0, (byte)(content.Length >> 24), (byte)(content.Length >> 16), (byte)(content.Length >> 8), (byte)content.Length, .. content];

    private static async Task<(byte[] Output, byte[] Error)> CopyAsync(byte[] wire, int piece)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var at = 0;
        await Demultiplexer.CopyAsync(target =>
        {
            var count = Math.Min(Math.Min(piece, target.Length), wire.Length - at);
            wire.AsMemory(at, count).CopyTo(target);
            at += count;
            return ValueTask.FromResult(count);
        }, output, error, CancellationToken.None);
        return (output.ToArray(), error.ToArray());
    }

    [Fact]
    public void Every_byte_comes_out_where_it_belongs() => Gen.Select(Gen.Select(Gen.Bool, Gen.Byte.Array[0, 300]).Array[0, 20], Gen.Int[1, 100]).Sample((frames, piece) =>
    {
        var wire = frames.SelectMany(frame => Frame((byte)(frame.Item1 ? 1 : 2), frame.Item2)).ToArray();
        var (output, error) = CopyAsync(wire, piece).GetAwaiter().GetResult();
        return output.SequenceEqual(frames.Where(frame => frame.Item1).SelectMany(frame => frame.Item2)) && error.SequenceEqual(frames.Where(frame => !frame.Item1).SelectMany(frame => frame.Item2));
    });

    [Fact]
    public async Task A_stream_that_ends_inside_a_frame_is_an_error()
        => (await Should.ThrowAsync<IOException>(() => CopyAsync(Frame(1, "hello"u8.ToArray())[..10], 100))).Message.ShouldBe("unexpected EOF");

    [Fact]
    public async Task An_error_of_the_daemon_in_the_stream_is_told()
        => (await Should.ThrowAsync<IOException>(() => CopyAsync(Frame(3, Encoding.UTF8.GetBytes("disk full")), 100))).Message.ShouldContain("disk full");

    [Fact]
    public async Task Another_kind_of_frame_is_an_error() => await Should.ThrowAsync<IOException>(() => CopyAsync(Frame(9, [1]), 100));

    [Theory]
    [InlineData("ab\x10\x11", "ab", true)]
    [InlineData("a\x10" + "b", "a\x10" + "b", false)]
    [InlineData("a\x10", "a", false)]
    [InlineData("\x10\x10\x11", "\x10", true)]
    public void Detach_keys_are_taken_out_and_a_false_start_is_not(string typed, string sent, bool detaches)
    {
        var keys = DetachKeys.Parse(DetachKeys.Default);
        using var output = new MemoryStream();
        keys.Filter(Encoding.UTF8.GetBytes(typed), output).ShouldBe(detaches);
        Encoding.UTF8.GetString(output.ToArray()).ShouldBe(sent);
    }
}
