using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Names that go out in a form of their own: the manifest to push, and the blobs that it needs.</summary>
public sealed partial class ImageStore
{
    private const string FormSchema = """
        create table if not exists image_name_form(name text primary key references image_name(name) on delete cascade, manifest text not null) without rowid, strict;
        create table if not exists image_form_blob(manifest text not null, digest text not null, primary key(manifest, digest)) without rowid, strict;
        """;

    /// <summary>Points a name at an image that goes out by this manifest, whatever the name was before.</summary>
    internal void SetForm(ImageReference name, Digest image, Digest manifest, IEnumerable<Digest> blobs) => _state.Write((connection, transaction) =>
    {
        Place(connection, transaction, name, image);
        Forget(connection, transaction, name);
        Run(connection, transaction, "insert into image_name_form values($1, $2)", name.Canonical, manifest.ToString());
        foreach (var blob in blobs) Run(connection, transaction, "insert into image_form_blob values($1, $2) on conflict do nothing", manifest.ToString(), blob.ToString());
        return 0;
    });

    /// <summary>The manifest by which a name goes out; null when it has none of its own.</summary>
    internal Digest? FormOf(ImageReference name) => _state.Query("select manifest from image_name_form where name = $1", Id, name.Canonical) is [var manifest, ..] ? manifest : null;

    /// <summary>All that forms of names need; what no name needs any more is forgotten.</summary>
    internal List<Digest> FormContents()
    {
        _state.Execute("delete from image_form_blob where manifest not in (select manifest from image_name_form)");
        return _state.Query("select manifest from image_name_form union select digest from image_form_blob", Id);
    }
}
