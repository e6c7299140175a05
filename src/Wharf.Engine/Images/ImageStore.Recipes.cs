using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Compressed forms of layers that can be made again, and those that have to be kept.</summary>
public sealed partial class ImageStore
{
    // No recipe's digest: there is none, the blob is kept.
    private const string RecipeSchema = "create table if not exists image_layer_recipe(digest text primary key, recipe text) without rowid, strict;";

    internal sealed record LayerRecipe(Digest? Recipe);

    /// <summary>Notes how a compressed layer is made again: by a recipe with this digest or, of null, not at all.</summary>
    internal void SetRecipe(Digest blob, Digest? recipe) =>
        _state.Execute("insert into image_layer_recipe values($1, $2) on conflict(digest) do update set recipe = excluded.recipe", blob.ToString(), recipe?.ToString());

    internal void RemoveRecipe(Digest blob) => _state.Execute("delete from image_layer_recipe where digest = $1", blob.ToString());

    /// <summary>What is known of making a blob again; null when nothing was tried yet.</summary>
    internal LayerRecipe? RecipeOf(Digest blob) =>
        _state.Query("select recipe from image_layer_recipe where digest = $1", static row => new LayerRecipe(row.IsDBNull(0) ? null : Digest.Parse(row.GetString(0))), blob.ToString()) is [var found, ..] ? found : null;

    /// <summary>All recipes with the digests they must have.</summary>
    internal List<(Digest Blob, Digest Recipe)> Recipes() =>
        _state.Query("select digest, recipe from image_layer_recipe where recipe is not null order by digest", static row => (Digest.Parse(row.GetString(0)), Digest.Parse(row.GetString(1))));

    /// <summary>Forgets what is known of blobs that are no layer's any more; gives those.</summary>
    internal List<Digest> TakeOrphanRecipes() => _state.Query("delete from image_layer_recipe where digest not in (select digest from image_layer_blob) returning digest", Id);

    /// <summary>Layers' compressed forms, but for those that have to be kept.</summary>
    internal List<(Digest DiffId, Descriptor Blob)> BlobsToReplace() => _state.Query("""
        select b.diff_id, b.digest, b.size, b.media_type from image_layer_blob b left join image_layer_recipe r on r.digest = b.digest
        where r.digest is null or r.recipe is not null order by b.digest
        """, static row => (Digest.Parse(row.GetString(0)), new Descriptor { Digest = Digest.Parse(row.GetString(1)), Size = row.GetInt64(2), MediaType = row.GetString(3) }));

    /// <summary>Whether a blob is some layer's compressed form.</summary>
    internal bool IsLayerBlob(Digest blob) => _state.Query("select 1 from image_layer_blob where digest = $1 limit 1", static _ => 1, blob.ToString()).Count > 0;
}
