using System.Text;
using Shouldly;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Xunit;

namespace Wharf.Tests.Cli.ApiClient;

/// <summary>Streams of JSON values, and the progress shown of them.</summary>
public sealed class JsonStreamTests
{
    private sealed class Pieces(byte[] content, int size) : MemoryStream(content)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => base.ReadAsync(buffer[..Math.Min(size, buffer.Length)], cancellationToken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Values_are_found_whatever_pieces_they_come_in(int size)
    {
        var text = new StringBuilder();
        await foreach (var value in JsonStream.ReadAsync(new Pieces("{\"a\":\"}{\"}\r\n{\"b\":[1,2]}{\"c\":null} \n"u8.ToArray(), size), CancellationToken.None)) text.Append(value.GetRawText()).Append('|');
        text.ToString().ShouldBe("{\"a\":\"}{\"}|{\"b\":[1,2]}|{\"c\":null}|");
    }

    [Fact]
    public async Task A_value_cut_off_is_an_error() => await Should.ThrowAsync<IOException>(async () =>
    {
        await foreach (var _ in JsonStream.ReadAsync(new MemoryStream("{\"a\":"u8.ToArray()), CancellationToken.None)) { }
    });

    private static async Task<string> ShowAsync(string messages, bool isTerminal)
    {
        using var output = new StringWriter();
        await new ProgressDisplay(output, isTerminal, 120).RunAsync(new MemoryStream(Encoding.UTF8.GetBytes(messages)), CancellationToken.None);
        return output.ToString();
    }

    [Fact]
    public async Task Without_a_terminal_bars_are_left_out()
        => (await ShowAsync("""{"status":"Pulling from a","id":"latest"}{"status":"Downloading","id":"x","progressDetail":{"current":1,"total":2}}{"status":"Pull complete","id":"x","progressDetail":{}}{"stream":"Step 1\n"}""", isTerminal: false))
            .ShouldBe("latest: Pulling from a\nx: Pull complete\nStep 1\n");

    [Fact]
    public async Task On_a_terminal_each_layer_keeps_its_line()
        => (await ShowAsync("""{"status":"Downloading","id":"x","progressDetail":{"current":500,"total":1000}}{"status":"Done","id":"x","progressDetail":{}}""", isTerminal: true))
            .ShouldBe("\n\x1b[1A\x1b[2K\rx: Downloading [=========================>                         ]     500B/1kB\r\x1b[1B\x1b[1A\x1b[2K\rx: Done \r\x1b[1B");

    [Fact]
    public async Task An_error_ends_it_with_its_code()
    {
        var error = await Should.ThrowAsync<CliException>(() => ShowAsync("""{"errorDetail":{"code":3,"message":"failed"},"error":"failed"}""", isTerminal: false));
        (error.Message, error.ExitCode).ShouldBe(("failed", 3));
    }

    [Fact]
    public void Json_is_indented_without_a_change_to_its_values()
        => JsonIndent.Format("""[{"a":1.50,"b":{},"c":[ ],"d":"\u003c {,}","e":[1,2]}]""").ShouldBe("""
            [
                {
                    "a": 1.50,
                    "b": {},
                    "c": [],
                    "d": "\u003c {,}",
                    "e": [
                        1,
                        2
                    ]
                }
            ]
            """);
}
