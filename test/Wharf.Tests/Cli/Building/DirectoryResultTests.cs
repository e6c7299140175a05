using Google.Protobuf;
using Grpc.Core;
using Shouldly;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Cli.Building.Sessions;
using Xunit;

namespace Wharf.Tests.Cli.Building;

/// <summary>What a builder sends as a result's files: a builder that is not trusted writes nothing beside the directory and reads nothing there.</summary>
public sealed class DirectoryResultTests : IDisposable
{
    private const uint Directory = 1u << 31, Symlink = 1u << 27, SetUser = 1u << 23;

    private readonly string _work = System.IO.Directory.CreateTempSubdirectory("wharf-result-").FullName;

    private string Root => Path.Combine(_work, "root");

    public void Dispose() => System.IO.Directory.Delete(_work, recursive: true);

    private sealed class Packets(IEnumerable<Packet> packets) : IAsyncStreamReader<byte[]>
    {
        private readonly IEnumerator<Packet> _packets = packets.GetEnumerator();
        public byte[] Current => _packets.Current.ToByteArray();
        public Task<bool> MoveNext(CancellationToken cancellationToken) => Task.FromResult(_packets.MoveNext());
    }

    private sealed class Answers : IServerStreamWriter<byte[]>
    {
        public List<Packet> Sent { get; } = [];
        public WriteOptions? WriteOptions { get; set; }
        public Task WriteAsync(byte[] message)
        {
            Sent.Add(Packet.Parser.ParseFrom(message));
            return Task.CompletedTask;
        }
        public Task WriteAsync(byte[] message, CancellationToken cancellationToken) => WriteAsync(message);
    }

    private static Packet Told(string path, uint mode, string link = "") => new() { Type = Packet.Types.PacketType.Stat, Stat = new Stat { Path = path, Mode = mode, Linkname = link } };

    private static IEnumerable<Packet> Data(uint id, string text) =>
        [new() { Type = Packet.Types.PacketType.Data, Id = id, Data = ByteString.CopyFromUtf8(text) }, new() { Type = Packet.Types.PacketType.Data, Id = id }];

    private static readonly Packet _end = new() { Type = Packet.Types.PacketType.Stat }, _done = new() { Type = Packet.Types.PacketType.Fin };

    private async Task<List<Packet>> ReceiveAsync(bool deletes, params IEnumerable<Packet> packets)
    {
        var answers = new Answers();
        await new DirectoryResult(Root, deletes).ReceiveAsync(new Packets([.. packets, _done]), answers, TestContext.Current.CancellationToken);
        return answers.Sent;
    }

    [Fact]
    public async Task A_further_name_of_a_file_has_its_content_though_that_comes_later()
    {
        var sent = await ReceiveAsync(false, [Told("a", 0x1ed | SetUser), Told("b", 0x1ed | SetUser, "a"), Told("l", Symlink | 0x1ff, "nowhere"), Told("m", 0x1ff, "l"), _end, .. Data(0, "text")]);
        sent.Select(packet => packet.Type).ShouldBe([Packet.Types.PacketType.Req, Packet.Types.PacketType.Fin]);
        File.ReadAllText(Path.Combine(Root, "b")).ShouldBe("text");
        File.GetUnixFileMode(Path.Combine(Root, "b")).ShouldBe((UnixFileMode)0x1ed | UnixFileMode.SetUser);
        new FileInfo(Path.Combine(Root, "m")).LinkTarget.ShouldBe("nowhere");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_there_already_stays_unless_it_is_to_be_removed(bool deletes)
    {
        System.IO.Directory.CreateDirectory(Path.Combine(Root, "d/old"));
        System.IO.Directory.CreateDirectory(Path.Combine(_work, "beside"));
        foreach (var name in new[] { "old", "d/old/file", "../beside/file" }) File.WriteAllText(Path.Combine(Root, name), name);
        File.CreateSymbolicLink(Path.Combine(Root, "d/link"), Path.Combine(_work, "beside"));
        await ReceiveAsync(deletes, [Told("d", Directory | 0x1ed), Told("d/new", 0x1a4), _end, .. Data(1, "text")]);
        File.ReadAllText(Path.Combine(Root, "d/new")).ShouldBe("text");
        foreach (var name in new[] { "old", "d/old/file", "d/link" }) Path.Exists(Path.Combine(Root, name)).ShouldBe(!deletes, name);
        File.Exists(Path.Combine(_work, "beside/file")).ShouldBeTrue();
    }

    /// <summary>A slash at the end is a directory, <c>-&gt;</c> a link, <c>=</c> a further name.</summary>
    private static Packet Told(string text) =>
        text.Split("->") is [var link, var where] ? Told(link, Symlink | 0x1ff, where) : text.Split('=') is [var name, var file] ? Told(name, 0x1a4, file) :
        text.EndsWith('/') ? Told(text.TrimEnd('/'), Directory | 0x1ed) : Told(text, 0x1a4);

    [Theory]
    [InlineData("invalid path", "../out")]
    [InlineData("invalid path", "d/../../out")]
    [InlineData("of a directory it did not send", "d/file")]
    [InlineData("of a directory it did not send", "l->..", "l/out")]
    [InlineData("a name twice", "d/", "d->..", "d/out")]
    [InlineData("a name twice", "d/", "d/e/", "d", "d/e/out")]
    [InlineData("a name twice", "f->..", "f/", "f/out")]
    [InlineData("a link to a file that it did not send", "out=../secret")]
    [InlineData("a link to a file that it did not send", "l->..", "out=l/secret")]
    public async Task Nothing_leaves_the_directory(string message, params string[] told)
    {
        File.WriteAllText(Path.Combine(_work, "secret"), "secret");
        (await Should.ThrowAsync<IOException>(ReceiveAsync(true, told.Select(Told)))).Message.ShouldContain(message);
        System.IO.Directory.GetFileSystemEntries(_work).Select(Path.GetFileName).ShouldBe(["root", "secret"], ignoreOrder: true);
        File.ReadAllText(Path.Combine(_work, "secret")).ShouldBe("secret");
    }
}
