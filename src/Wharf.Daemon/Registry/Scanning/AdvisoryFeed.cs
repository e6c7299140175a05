using System.IO.Compression;
using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>
/// Advisories as files that the administrator puts there: the Debian security tracker's JSON, OSV records (a directory of them, or a zip as OSV gives
/// them out for each ecosystem), Alpine's secdb. Each scan reads them through once and keeps nothing: they are some hundred megabytes.
/// </summary>
internal sealed class AdvisoryFeed(IReadOnlyList<string> paths)
{
    private const int MaxRecord = 4 << 20;
    private const int FirstPiece = 4096;

    public bool IsEmpty => paths.Count == 0;

    /// <summary>When the youngest was written.</summary>
    public DateTimeOffset Written => paths.Max(static path => new DateTimeOffset(File.GetLastWriteTimeUtc(path), TimeSpan.Zero));

    public List<Finding> Match(PackageList installed, CancellationToken cancellation)
    {
        var matcher = new AdvisoryMatcher(installed);
        foreach (var path in paths)
            try { Read(path, matcher, cancellation); }
            catch (Exception error) when (error is JsonException or IOException or InvalidDataException or UnauthorizedAccessException) { throw WharfException.Unavailable($"the feed {Path.GetFileName(path)} is not readable: {error.Message}", error); }
        return matcher.Findings;
    }

    private static void Read(string path, AdvisoryMatcher matcher, CancellationToken cancellation)
    {
        if (Directory.Exists(path))
        {
            foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(static file => file.EndsWith(".json", StringComparison.Ordinal) || file.EndsWith(".zip", StringComparison.Ordinal))) Read(file, matcher, cancellation);
            return;
        }
        cancellation.ThrowIfCancellationRequested();
        using var stream = File.OpenRead(path);
        if (path.EndsWith(".zip", StringComparison.Ordinal))
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
            foreach (var entry in zip.Entries)
            {
                cancellation.ThrowIfCancellationRequested();
                if (!entry.Name.EndsWith(".json", StringComparison.Ordinal) || entry.Length > MaxRecord) continue;
                using var content = entry.Open();
                using var record = JsonDocument.Parse(content);
                matcher.Osv(record.RootElement);
            }
            return;
        }
        if (IsTracker(stream)) ReadTracker(stream, matcher, cancellation);
        else
        {
            if (stream.Length > MaxRecord * 8) throw new InvalidDataException("too large for an OSV record or a secdb");
            using var document = JsonDocument.Parse(stream);
            if (document.RootElement.TryGetProperty("packages", out _) && document.RootElement.TryGetProperty("distroversion", out _)) matcher.SecDb(document.RootElement);
            else matcher.Osv(document.RootElement);
        }
    }

    /// <summary>The tracker's members are objects of objects; the other documents begin with something else, or say their schema.</summary>
    private static bool IsTracker(FileStream file)
    {
        var start = new byte[FirstPiece];
        int count = file.ReadAtLeast(start, FirstPiece, throwOnEndOfStream: false);
        file.Position = 0;
        var reader = new Utf8JsonReader(start.AsSpan(0, count), isFinalBlock: false, default);
        return reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName
            && reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.Read() && reader.TokenType == JsonTokenType.StartObject;
    }

    /// <summary>Package by package and advisory by advisory; only those of installed packages become documents.</summary>
    private static void ReadTracker(FileStream file, AdvisoryMatcher matcher, CancellationToken cancellation)
    {
        var buffer = new byte[256 << 10];
        var state = new JsonReaderState();
        int length = 0;
        string? package = null;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = file.Read(buffer, length, buffer.Length - length);
            length += count;
            int consumed = Advance(buffer.AsSpan(0, length), count == 0, ref state, ref package, matcher);
            buffer.AsSpan(consumed, length - consumed).CopyTo(buffer);
            length -= consumed;
            if (count == 0) return;
            if (length == buffer.Length)
            {
                if (length >= MaxRecord) throw new InvalidDataException("an advisory is too large");
                Array.Resize(ref buffer, length * 2);
            }
        }
    }

    private static int Advance(ReadOnlySpan<byte> bytes, bool isEnd, ref JsonReaderState state, ref string? package, AdvisoryMatcher matcher)
    {
        var reader = new Utf8JsonReader(bytes, isEnd, state);
        while (true)
        {
            var before = reader;
            if (!reader.Read()) break;
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.CurrentDepth == 1) package = matcher.HasSource(reader.GetString()!) ? reader.GetString() : null;
            else if (reader.CurrentDepth == 2 && package is not null)
            {
                var id = reader.GetString()!;
                if (!reader.Read() || !JsonDocument.TryParseValue(ref reader, out var advisory))
                {
                    // The rest of it is still to be read: the next time from its name on.
                    reader = before;
                    break;
                }
                using (advisory) matcher.Tracker(package, id, advisory.RootElement);
            }
        }
        state = reader.CurrentState;
        return (int)reader.BytesConsumed;
    }
}
