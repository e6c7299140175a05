using System.Globalization;
using System.Security.Cryptography;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Image;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// The work of <c>wharf layer-recipe</c>, a process of its own beside the daemon: it may take its time, its memory goes with it, and what a hostile
/// archive could do to it is done to it alone. It ends when its standard input does.
/// </summary>
public static class RecipeJob
{
    /// <summary>Exit code for an archive that is better kept.</summary>
    public const int NotWorthIt = 2;

    private const int SecondsAtLeast = 120, BytesPerSecond = 100_000;

    /// <summary>How long it may compute: many times what an honest archive takes.</summary>
    private static int Seconds(long size) => (int)Math.Min(SecondsAtLeast + size / BytesPerSecond, 7200);

    /// <summary>
    /// ARCHIVE RECIPE DIGEST DIFFID LIMIT: writes the recipe, no larger than the limit, makes the archive again by it from its plain data, and prints the
    /// recipe's SHA-256 when both digests are right.
    /// </summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        if (args is not [var archive, var path, var digest, var diffId, var limit])
        {
            await Console.Error.WriteLineAsync("usage: wharf layer-recipe ARCHIVE RECIPE DIGEST DIFFID LIMIT");
            return 1;
        }
        EndWithInput();
        IdleProcess.Become(Seconds(new FileInfo(archive).Length));
        try
        {
            var made = await MakeAsync(archive, path, Digest.Parse(digest), Digest.Parse(diffId), long.Parse(limit, CultureInfo.InvariantCulture), CancellationToken.None);
            await Console.Out.WriteLineAsync(Convert.ToHexStringLower(made));
            return 0;
        }
        catch (Exception error) when (error is InvalidDataException or Specs.Errors.WharfException)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return NotWorthIt;
        }
    }

    private static void EndWithInput() => new Thread(static () =>
    {
        using var input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0) { }
        Environment.Exit(1);
    }) { IsBackground = true }.Start();

    /// <summary>Writes the recipe and proves it; InvalidDataException when the archive is better kept. Gives the recipe's SHA-256.</summary>
    public static async Task<byte[]> MakeAsync(string archive, string path, Digest digest, Digest diffId, long limit, CancellationToken cancellation)
    {
        Stream Open() => new FileStream(archive, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0);
        await using var file = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 0);
        await using (var bounded = new BoundedWriter(file, limit))
        {
            var plain = LayerRecipe.Write(Open, bounded, cancellation);
            if (Digest.FromSha256(plain) != diffId) throw new InvalidDataException("the archive's plain data is not that of its layer");
        }
        file.Position = 0;
        var made = await SHA256.HashDataAsync(file, cancellation);
        file.Position = 0;
        await using var checkedOutput = new DigestingWriter(Stream.Null, digest);
        await using (var tar = LayerRecipe.Unpack(Open)) await LayerRecipe.RebuildAsync(file, tar, checkedOutput, cancellation);
        checkedOutput.Verify();
        file.Flush(flushToDisk: true);
        return made;
    }

    private sealed class BoundedWriter(Stream inner, long limit) : WriteOnlyStream
    {
        private long _left = limit;

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if ((_left -= buffer.Length) < 0) throw new InvalidDataException("the recipe is too large to be worth it");
            inner.Write(buffer);
        }
    }
}

/// <summary>Digests what passes, for who must prove at the end that it was the right thing. Does not own the inner stream.</summary>
internal sealed class DigestingWriter(Stream inner, Digest expected) : WriteOnlyStream
{
    private readonly IncrementalHash _hash = ContentStore.NewHash(expected);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _hash.AppendData(buffer.Span);
        await inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    public override void Flush() => inner.Flush();

    /// <summary>InvalidDataException when it was something else.</summary>
    public void Verify()
    {
        var digest = ContentStore.Finish(_hash, expected);
        if (digest != expected) throw new InvalidDataException($"the recipe does not give {expected}, but {digest}");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _hash.Dispose();
        base.Dispose(disposing);
    }
}
