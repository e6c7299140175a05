using Microsoft.Data.Sqlite;
using Wharf.Engine.State;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>What the database knows of images: their configs, the names that point at them, manifests, and compressed forms of layers.</summary>
public sealed partial class ImageStore
{
    private readonly StateStore _state;

    public ImageStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists image(id text primary key, created_at text not null, tagged_at text) without rowid, strict;
            create table if not exists image_name(name text primary key, repository text not null, image text not null references image(id) on delete cascade) without rowid, strict;
            create table if not exists image_digest(repository text not null, digest text not null, image text not null references image(id) on delete cascade, primary key(repository, digest)) without rowid, strict;
            create table if not exists image_manifest(image text not null references image(id) on delete cascade, digest text not null, primary key(image, digest)) without rowid, strict;
            create table if not exists image_parent(image text primary key references image(id) on delete cascade, parent text not null) without rowid, strict;
            create index if not exists image_parent_children on image_parent(parent);
            create table if not exists image_blob_source(digest text not null, repository text not null, primary key(digest, repository)) without rowid, strict;
            create table if not exists image_layer_blob(diff_id text not null, digest text not null, size integer not null, media_type text not null, primary key(diff_id, digest)) without rowid, strict;
            """);
        state.EnsureSchema(PlatformSchema);
        state.EnsureSchema(UploadSchema);
        state.EnsureSchema(RecipeSchema);
        state.EnsureSchema(FormSchema);
        state.EnsureSchema(UseSchema);
    }

    public void Add(Digest id, DateTimeOffset now) => _state.Execute("insert into image(id, created_at) values($1, $2) on conflict do nothing", id.ToString(), now.ToString("o"));

    /// <summary>Removes the image and all that points at it.</summary>
    public void Remove(Digest id)
    {
        _state.Execute("delete from image where id = $1", id.ToString());
        _noted.TryRemove(id, out _);
    }

    public bool Exists(Digest id) => _state.Query("select 1 from image where id = $1", _ => 1, id.ToString()).Count > 0;

    public List<Digest> All() => _state.Query("select id from image", Id);

    public List<Digest> WithPrefix(string hex) => _state.Query("select id from image where id >= $1 and id < $2", Id, "sha256:" + hex, "sha256:" + hex + "g");

    /// <summary>Points a name (canonical, with tag) at an image; returns the image it pointed at before.</summary>
    public Digest? SetName(ImageReference name, Digest image) => _state.Write<Digest?>((connection, transaction) =>
    {
        var (before, _) = Place(connection, transaction, name, image);
        if (before != image) Forget(connection, transaction, name);
        return before;
    });

    public void RemoveName(string canonical) => _state.Execute("delete from image_name where name = $1", canonical);

    public Digest? ByName(string canonical) => _state.Query("select image from image_name where name = $1", Id, canonical) is [var id, ..] ? id : null;

    /// <summary>The names that point at an image or have it among their other platforms.</summary>
    public List<ImageReference> NamesOf(Digest image) =>
        _state.Query("select name from image_name where image = $1 union select name from image_platform where image = $1 order by name", row => ImageReference.Parse(row.GetString(0)), image.ToString());

    /// <summary>Every name there is.</summary>
    public List<ImageReference> AllNames() => _state.Query("select name from image_name order by name", row => ImageReference.Parse(row.GetString(0)));

    /// <summary>Names of all tags of a repository.</summary>
    public List<ImageReference> NamesIn(string repository) =>
        _state.Query("select name from image_name where repository = $1 order by name", row => ImageReference.Parse(row.GetString(0)), repository);

    public void AddDigest(string repository, Digest manifest, Digest image) =>
        _state.Execute("insert into image_digest values($1, $2, $3) on conflict(repository, digest) do update set image = excluded.image", repository, manifest.ToString(), image.ToString());

    public void RemoveDigest(string repository, Digest manifest, Digest image) => _state.Execute("delete from image_digest where repository = $1 and digest = $2 and image = $3", repository, manifest.ToString(), image.ToString());

    public Digest? ByDigest(string repository, Digest manifest) =>
        _state.Query("select image from image_digest where repository = $1 and digest = $2", Id, repository, manifest.ToString()) is [var id, ..] ? id : null;

    /// <summary>By which digests repositories know an image; of another platform's, the indexes of its names.</summary>
    public List<(string Repository, Digest Digest)> DigestsOf(Digest image) =>
        _state.Query("""
            select repository, digest from image_digest where image = $1
            union select d.repository, d.digest from image_platform p join image_name n on n.name = p.name join image_name_index i on i.name = p.name
                join image_digest d on d.repository = n.repository and d.digest = i.digest where p.image = $1
            order by 1, 2
            """, row => (row.GetString(0), Digest.Parse(row.GetString(1))), image.ToString());

    /// <summary>Notes a manifest or index that the image came or went out with: it is kept for the next push.</summary>
    public void AddManifest(Digest image, Digest manifest) => _state.Execute("insert into image_manifest values($1, $2) on conflict do nothing", image.ToString(), manifest.ToString());

    public List<Digest> ManifestsOf(Digest image) => _state.Query("select digest from image_manifest where image = $1 order by digest", Id, image.ToString());

    /// <summary>Notes which image another was made from, as docker's inspect and history tell it.</summary>
    public void SetParent(Digest image, Digest parent) => _state.Execute("insert into image_parent values($1, $2) on conflict(image) do update set parent = excluded.parent", image.ToString(), parent.ToString());

    /// <summary>The image this one was made from, while it is here.</summary>
    public Digest? ParentOf(Digest image) =>
        _state.Query("select parent from image_parent where image = $1 and parent in (select id from image)", Id, image.ToString()) is [var parent, ..] ? parent : null;

    public List<Digest> ChildrenOf(Digest image) => _state.Query("select image from image_parent where parent = $1", Id, image.ToString());

    /// <summary>Images of which nothing says what they were made from.</summary>
    public List<Digest> Orphans() => _state.Query("select id from image where id not in (select image from image_parent)", Id);

    /// <summary>Notes a repository that holds a blob: another of the same registry can take it over from there.</summary>
    public void AddBlobSource(Digest blob, string repository) => _state.Execute("insert into image_blob_source values($1, $2) on conflict do nothing", blob.ToString(), repository);

    /// <summary>Repositories known to hold a blob, with their domains.</summary>
    public List<string> BlobSources(Digest blob) => _state.Query("select repository from image_blob_source where digest = $1 order by repository", row => row.GetString(0), blob.ToString());

    public DateTimeOffset? TaggedAt(Digest image) =>
        _state.Query("select tagged_at from image where id = $1", row => row.IsDBNull(0) ? (DateTimeOffset?)null : DateTimeOffset.Parse(row.GetString(0), System.Globalization.CultureInfo.InvariantCulture), image.ToString()) is [var time, ..] ? time : null;

    /// <summary>Notes that a compressed blob is the layer with this diff ID, so that a push need not compress it again.</summary>
    public void AddLayerBlob(Digest diffId, Descriptor blob) =>
        _state.Execute("insert into image_layer_blob values($1, $2, $3, $4) on conflict do nothing", diffId.ToString(), blob.Digest.ToString(), blob.Size, blob.MediaType!);

    public List<Descriptor> LayerBlobs(Digest diffId) => _state.Query("select digest, size, media_type from image_layer_blob where diff_id = $1",
        row => new Descriptor { Digest = Digest.Parse(row.GetString(0)), Size = row.GetInt64(1), MediaType = row.GetString(2) }, diffId.ToString());

    /// <summary>Forgets the compressed forms of a layer and where they are.</summary>
    public void RemoveLayerBlobs(Digest diffId)
    {
        _state.Execute("delete from image_blob_source where digest in (select digest from image_layer_blob where diff_id = $1)", diffId.ToString());
        _state.Execute("delete from image_layer_blob where diff_id = $1", diffId.ToString());
    }

    public List<Digest> LayersWithBlobs() => _state.Query("select distinct diff_id from image_layer_blob", Id);

    private static Digest Id(SqliteDataReader row) => Digest.Parse(row.GetString(0));
}
