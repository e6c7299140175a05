using Wharf.Specs.Image;

namespace Wharf.Engine.Content;

/// <summary>Recipes for compressed layers that are not kept themselves, as files under <c>content/recipes</c>.</summary>
public sealed partial class ContentStore
{
    internal string RecipePath(Digest blob) => Path.Combine(_recipes, $"{blob.Algorithm}-{blob.Hex}");

    internal FileStream OpenRecipe(Digest blob) => new(RecipePath(blob), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0);

    /// <summary>A file to write a recipe to; what is left of it after a kill goes at the next start.</summary>
    internal string RecipeDraft() => TemporaryPath();

    /// <summary>Makes the draft the recipe of a blob; on the disk when this returns.</summary>
    internal void CommitRecipe(string draft, Digest blob)
    {
        File.Move(draft, RecipePath(blob), overwrite: true);
        Linux.Fds.DiskFlush.File(_recipes);
    }

    internal void DeleteRecipe(Digest blob) => File.Delete(RecipePath(blob));

    /// <summary>Blobs that there are recipes of.</summary>
    internal IEnumerable<Digest> Recipes() => Directory.EnumerateFiles(_recipes).Select(static path => Digest.TryParse(Path.GetFileName(path).Replace('-', ':'), out var digest) ? digest : default).Where(static digest => !digest.IsEmpty);
}
