using CsCheck;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Xunit;

namespace Wharf.Tests.Engine.Archive;

public class TarRoundTripTests
{
    private static readonly Limits Limits = new();

    private static readonly Gen<byte[]> Name = Gen.Byte[1, 255].Array[1, 300];
    private static readonly Gen<TarXattr> Xattr = Gen.Select(Name.Where(name => !name.Contains((byte)'=')), Gen.Byte.Array[0, 100], (name, value) => new TarXattr([.. "user."u8, .. name], value));
    private static readonly byte[] Types = [TarType.File, TarType.File, TarType.HardLink, TarType.Symlink, TarType.CharDevice, TarType.BlockDevice, TarType.Directory, TarType.Fifo];
    private static readonly Gen<byte> Type = Gen.Int[0, 7].Select(i => Types[i]);

    private static readonly Gen<(TarEntry Entry, byte[] Data)> Member = Gen.Select(
        Type, Name, Name, Gen.UInt[0, 0xfff], Gen.UInt[0, uint.MaxValue - 1], Gen.Long[-10_000_000_000, 10_000_000_000], Gen.UInt[0, 999_999_999],
        Gen.Select(Xattr.List[0, 3], Gen.Byte.Array[0, 3000]),
        (type, name, link, mode, id, seconds, nanoseconds, rest) => (new TarEntry
        {
            Type = type,
            Name = name,
            LinkName = type is TarType.HardLink or TarType.Symlink ? link : [],
            Mode = mode,
            Uid = id,
            Gid = id / 2,
            ModifiedSeconds = seconds,
            ModifiedNanoseconds = nanoseconds,
            Xattrs = rest.Item1.Count == 0 ? null : rest.Item1.DistinctBy(x => Convert.ToHexString(x.Name)).ToList(),
            DeviceMajor = type is TarType.CharDevice or TarType.BlockDevice ? mode : 0,
        }, type == TarType.File ? rest.Item2 : []));

    [Fact]
    public void Every_entry_comes_back_as_it_was_written() => Member.List[0, 8].Sample(members =>
    {
        var output = new MemoryStream();
        var writer = new TarWriter(output);
        foreach (var (entry, data) in members)
        {
            if (entry.IsFile) Run(writer.WriteFileAsync(entry, data, default));
            else Run(writer.WriteEntryAsync(entry, default));
        }
        Run(writer.FinishAsync(default));
        (output.Length % 512).ShouldBe(0);

        var reader = new TarReader(new DribblingStream(output.ToArray()), Limits);
        foreach (var (entry, data) in members)
        {
            var read = reader.ReadNextAsync(default).AsTask().GetAwaiter().GetResult().ShouldNotBeNull();
            Same(read, entry);
            var content = new MemoryStream();
            reader.OpenData().CopyToAsync(content).GetAwaiter().GetResult();
            content.ToArray().ShouldBe(data);
        }
        reader.ReadNextAsync(default).AsTask().GetAwaiter().GetResult().ShouldBeNull();
    }, iter: 300);

    [Fact]
    public async Task The_raw_bytes_and_the_data_together_are_the_archive()
    {
        var tar = TarBytesOf(("a", new byte[700]), ("b/c", new byte[512]), (new string('x', 200), [1, 2, 3]));
        var seen = new MemoryStream();
        var reader = new TarReader(new MemoryStream([.. tar, .. new byte[3000]]), Limits, bytes => seen.Write(bytes));
        while (await reader.ReadNextAsync(default) is not null)
        {
            for (var piece = await reader.ReadDataAsync(default); !piece.IsEmpty; piece = await reader.ReadDataAsync(default)) seen.Write(piece.Span);
        }
        await reader.DrainAsync(default);
        seen.ToArray().ShouldBe([.. tar, .. new byte[3000]]);
    }

    internal static byte[] TarBytesOf(params (string Name, byte[] Content)[] files)
    {
        var output = new MemoryStream();
        var writer = new TarWriter(output);
        foreach (var (name, content) in files) Run(writer.WriteFileAsync(new TarEntry { Name = System.Text.Encoding.UTF8.GetBytes(name), Mode = 0x1a4 }, content, default));
        Run(writer.FinishAsync(default));
        return output.ToArray();
    }

    private static void Run(ValueTask task) => task.AsTask().GetAwaiter().GetResult();

    private static void Same(TarEntry actual, TarEntry expected)
    {
        actual.Type.ShouldBe(expected.Type);
        actual.Name.ShouldBe(expected.Name);
        actual.LinkName.ShouldBe(expected.LinkName);
        actual.Mode.ShouldBe(expected.Mode);
        actual.Uid.ShouldBe(expected.Uid);
        actual.Gid.ShouldBe(expected.Gid);
        actual.Size.ShouldBe(expected.Size);
        actual.ModifiedSeconds.ShouldBe(expected.ModifiedSeconds);
        actual.ModifiedNanoseconds.ShouldBe(expected.ModifiedNanoseconds);
        actual.DeviceMajor.ShouldBe(expected.DeviceMajor);
        (actual.Xattrs?.Count ?? 0).ShouldBe(expected.Xattrs?.Count ?? 0);
        for (int i = 0; i < (expected.Xattrs?.Count ?? 0); i++)
        {
            actual.Xattrs![i].Name.ShouldBe(expected.Xattrs![i].Name);
            actual.Xattrs![i].Value.ShouldBe(expected.Xattrs![i].Value);
        }
    }

    /// <summary>Gives its bytes in small, uneven pieces, as a network does.</summary>
    private sealed class DribblingStream(byte[] data) : MemoryStream(data)
    {
        private int _turn;
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, 1 + (_turn += 97) % 700)], cancellationToken);
    }
}
