using System.Collections.Concurrent;
using System.Globalization;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>When images were used last.</summary>
public sealed partial class ImageStore
{
    private const string UseSchema = "create table if not exists image_use(image text primary key references image(id) on delete cascade, used_at text not null) without rowid, strict;";

    private static readonly TimeSpan NoteEvery = TimeSpan.FromMinutes(1);
    /// <summary>Images noted in the last minute, so that a build of many steps need not ask the database for each.</summary>
    private readonly ConcurrentDictionary<Digest, DateTimeOffset> _noted = new();
    private const int MaxNoted = 4096;

    /// <summary>A note a minute is enough. Of an image that is gone, none is made.</summary>
    public void MarkUsed(Digest image, DateTimeOffset now)
    {
        if (_noted.TryGetValue(image, out var last) && now - last < NoteEvery && now >= last) return;
        _state.Execute("""
            insert into image_use select id, $2 from image where id = $1
            on conflict(image) do update set used_at = excluded.used_at where used_at < $3
            """, image.ToString(), now.UtcDateTime.ToString("o"), (now.UtcDateTime - NoteEvery).ToString("o"));
        if (_noted.Count >= MaxNoted) _noted.Clear();
        _noted[image] = now;
    }

    /// <summary>The latest of an image's coming, naming and uses.</summary>
    public DateTimeOffset LastUsed(Digest image) => _state.Query("select i.created_at, i.tagged_at, u.used_at from image i left join image_use u on u.image = i.id where i.id = $1",
        static row => Enumerable.Range(0, 3).Where(column => !row.IsDBNull(column)).Max(column => DateTimeOffset.Parse(row.GetString(column), CultureInfo.InvariantCulture)), image.ToString()) is [var time, ..] ? time : DateTimeOffset.MinValue;
}
