using System.Security.Cryptography;
using Shouldly;
using Wharf.Engine;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Content;

/// <summary>Pieces of a blob that come before those in front of them.</summary>
public sealed class BlobPartsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-parts-").FullName;
    private readonly byte[] _bytes = RandomNumberGenerator.GetBytes(1000);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private ContentStore Store() => new(new DaemonOptions { DataRoot = _root });
    private string[] Ingests() => [.. Directory.EnumerateFiles(Path.Combine(_root, "content", "ingest")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
    private Task FillAsync(BlobPart part, int count) => part.AppendAsync(_bytes.AsMemory((int)(part.From + part.Length), count), default);

    [Fact]
    public async Task Parts_join_in_order_and_outlive_the_daemon()
    {
        var digest = Digest.OfBytes(_bytes);
        await using (var ingest = await Store().IngestAsync(digest, _bytes.Length, default))
        {
            await ingest.AppendAsync(_bytes.AsMemory(0, 100), default);
            using BlobPart first = ingest.Parts.Claim(300, 200, 50)!, second = ingest.Parts.Claim(300, 200, 50)!;
            (first.From, first.End, second.From, second.End).ShouldBe((300, 500, 500, 700));
            ingest.Parts.GapEnd(100).ShouldBe(300);
            await FillAsync(first, 150);
            await FillAsync(second, 200);
        }
        // Here it was killed. The first part's rest is a gap.
        Ingests().ShouldBe([digest.Hex, digest.Hex + ".300", digest.Hex + ".500"]);
        await File.WriteAllBytesAsync(Path.Combine(_root, "content", "ingest", digest.Hex + ".900"), new byte[101]);
        var store = Store();
        await using (var ingest = await store.IngestAsync(digest, _bytes.Length, default))
        {
            ingest.Offset.ShouldBe(100);
            Ingests().Length.ShouldBe(3);
            using (var gap = ingest.Parts.Claim(0, 1000, 50)!) (gap.From, gap.End).ShouldBe((150, 300));
            ingest.Parts.At(100).ShouldBeNull();
            await ingest.AppendAsync(_bytes.AsMemory(100, 200), default);
            await ingest.TakeAsync(ingest.Parts.At(300)!, static _ => { }, default);
            ingest.Offset.ShouldBe(450);
            ingest.Parts.At(450).ShouldBeNull();
            ingest.Parts.GapEnd(450).ShouldBe(500);
            await ingest.AppendAsync(_bytes.AsMemory(450, 50), default);
            await ingest.TakeAsync(ingest.Parts.At(500)!, static _ => { }, default);
            // One fetches, the other takes what comes.
            using var last = ingest.Parts.Claim(0, 1000, 50)!;
            (last.From, last.End).ShouldBe((750, 1000));
            await ingest.AppendAsync(_bytes.AsMemory(700, 60), default);
            var taken = ingest.TakeAsync(ingest.Parts.At(760)!, static _ => { }, default);
            await FillAsync(last, 100);
            taken.IsCompleted.ShouldBeFalse();
            await FillAsync(last, 150);
            last.Dispose();
            await taken;
            ingest.Commit();
        }
        Ingests().ShouldBeEmpty();
        (await store.ReadAsync(digest, 1000, default)).ShouldBe(_bytes);
    }

    [Fact]
    public async Task A_part_takes_no_more_than_it_asked_for_and_wrong_bytes_leave_nothing()
    {
        var store = Store();
        await using var ingest = await store.IngestAsync(Digest.OfBytes([1]), 1000, default);
        using (var part = ingest.Parts.Claim(0, 300, 100)!)
        {
            (part.From, part.End).ShouldBe((100, 400));
            await FillAsync(part, 300);
            await Should.ThrowAsync<IOException>(() => FillAsync(part, 1));
        }
        await ingest.AppendAsync(_bytes.AsMemory(0, 100), default);
        await ingest.TakeAsync(ingest.Parts.At(100)!, static _ => { }, default);
        using (ingest.Parts.Claim(0, 300, 100)) { }
        await ingest.AppendAsync(_bytes.AsMemory(400), default);
        Should.Throw<WharfException>(ingest.Commit).Message.ShouldContain("verification failed");
        Ingests().ShouldBeEmpty();
    }
}
