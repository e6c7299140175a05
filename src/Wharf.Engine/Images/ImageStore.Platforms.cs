using Microsoft.Data.Sqlite;
using Wharf.Engine.State;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// Names of several platforms: the index a name came with, the images of other platforms beside the one the name points at, and what an index
/// holds beside images (attestations), which is kept to be pushed again.
/// </summary>
public sealed partial class ImageStore
{
    private const string PlatformSchema = """
        create table if not exists image_name_index(name text primary key references image_name(name) on delete cascade, digest text not null) without rowid, strict;
        create table if not exists image_platform(name text not null references image_name(name) on delete cascade, image text not null references image(id) on delete cascade, primary key(name, image)) without rowid, strict;
        create index if not exists image_platform_image on image_platform(image);
        create table if not exists image_index_blob(index_digest text not null, digest text not null, primary key(index_digest, digest)) without rowid, strict;
        """;

    /// <summary>
    /// Points a name at an image that came with <paramref name="index"/> (null: with a manifest alone). While the name's index stays the same, the images
    /// of its other platforms stay with it. Returns the image it pointed at before.
    /// </summary>
    public Digest? SetName(ImageReference name, Digest image, Digest? index) => _state.Write<Digest?>((connection, transaction) =>
    {
        var (before, had) = Place(connection, transaction, name, image);
        if (index is not null && had == index)
        {
            if (before == image) return before;
            Run(connection, transaction, "delete from image_platform where name = $1 and image = $2", name.Canonical, image.ToString());
            Run(connection, transaction, "insert into image_platform values($1, $2) on conflict do nothing", name.Canonical, before!.Value.ToString());
            return before;
        }
        Forget(connection, transaction, name);
        if (index is { } digest) Run(connection, transaction, "insert into image_name_index values($1, $2)", name.Canonical, digest.ToString());
        return before;
    });

    /// <summary>Gives a name all that another one has: its image, its index and its other platforms.</summary>
    public void CopyName(ImageReference from, ImageReference to, Digest image) => _state.Write((connection, transaction) =>
    {
        Place(connection, transaction, to, image);
        if (from.Canonical == to.Canonical) return 0;
        Forget(connection, transaction, to);
        Run(connection, transaction, "insert into image_name_index select $2, digest from image_name_index where name = $1", from.Canonical, to.Canonical);
        Run(connection, transaction, "insert into image_platform select $2, image from image_platform where name = $1", from.Canonical, to.Canonical);
        Run(connection, transaction, "insert into image_name_form select $2, manifest from image_name_form where name = $1", from.Canonical, to.Canonical);
        return 0;
    });

    private static (Digest? Before, Digest? Index) Place(SqliteConnection connection, SqliteTransaction transaction, ImageReference name, Digest image)
    {
        var before = One(connection, transaction, "select image from image_name where name = $1", name.Canonical);
        var index = One(connection, transaction, "select digest from image_name_index where name = $1", name.Canonical);
        Run(connection, transaction, "insert into image_name values($1, $2, $3) on conflict(name) do update set image = excluded.image", name.Canonical, name.Repository, image.ToString());
        Run(connection, transaction, "update image set tagged_at = $2 where id = $1", image.ToString(), DateTimeOffset.UtcNow.ToString("o"));
        return (before, index);
    }

    private static void Forget(SqliteConnection connection, SqliteTransaction transaction, ImageReference name)
    {
        Run(connection, transaction, "delete from image_platform where name = $1", name.Canonical);
        Run(connection, transaction, "delete from image_name_index where name = $1", name.Canonical);
        Run(connection, transaction, "delete from image_name_form where name = $1", name.Canonical);
    }

    private static void Run(SqliteConnection connection, SqliteTransaction transaction, string sql, params ReadOnlySpan<object?> arguments)
    {
        using var command = StateStore.Prepare(connection, sql, arguments, transaction);
        command.ExecuteNonQuery();
    }

    private static Digest? One(SqliteConnection connection, SqliteTransaction transaction, string sql, string argument)
    {
        using var command = StateStore.Prepare(connection, sql, [argument], transaction);
        return command.ExecuteScalar() is string text ? Digest.Parse(text) : null;
    }

    /// <summary>The index a name came with.</summary>
    public Digest? IndexOf(ImageReference name) => _state.Query("select digest from image_name_index where name = $1", Id, name.Canonical) is [var digest, ..] ? digest : null;

    /// <summary>The name's platforms are now those of another index.</summary>
    public void SetIndex(ImageReference name, Digest index) => _state.Execute("update image_name_index set digest = $2 where name = $1", name.Canonical, index.ToString());

    /// <summary>Images of other platforms beside the one the name points at.</summary>
    public List<Digest> PlatformsOf(ImageReference name) => _state.Query("select image from image_platform where name = $1 order by image", Id, name.Canonical);

    /// <summary>Images of any platform that names of a repository hold of an index.</summary>
    public List<Digest> PlatformsOf(string repository, Digest index) => _state.Query("""
        select n.image from image_name n join image_name_index i on i.name = n.name where n.repository = $1 and i.digest = $2
        union select p.image from image_platform p join image_name_index i on i.name = p.name join image_name n on n.name = p.name where n.repository = $1 and i.digest = $2
        """, Id, repository, index.ToString());

    public void AddPlatform(ImageReference name, Digest image) => _state.Execute("insert into image_platform values($1, $2) on conflict do nothing", name.Canonical, image.ToString());

    public void RemovePlatform(ImageReference name, Digest image) => _state.Execute("delete from image_platform where name = $1 and image = $2", name.Canonical, image.ToString());

    /// <summary>Points a name at one of its other platforms' images, in place of the one it pointed at, which is no longer among them.</summary>
    public void Promote(ImageReference name, Digest image) => _state.Write((connection, transaction) =>
    {
        Run(connection, transaction, "update image_digest set image = $3 where repository = $2 and digest = (select digest from image_name_index where name = $1)", name.Canonical, name.Repository, image.ToString());
        Run(connection, transaction, "update image_name set image = $2 where name = $1", name.Canonical, image.ToString());
        Run(connection, transaction, "delete from image_platform where name = $1 and image = $2", name.Canonical, image.ToString());
        return 0;
    });

    /// <summary>Notes content that an index needs beside its images.</summary>
    public void AddIndexBlob(Digest index, Digest blob) => _state.Execute("insert into image_index_blob values($1, $2) on conflict do nothing", index.ToString(), blob.ToString());

    /// <summary>All that the indexes of names need beside images, themselves among it; what no name needs any more is forgotten.</summary>
    public List<Digest> IndexContents()
    {
        _state.Execute("delete from image_index_blob where index_digest not in (select digest from image_name_index)");
        return _state.Query("select digest from image_name_index union select digest from image_index_blob", Id);
    }
}
