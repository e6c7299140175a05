namespace Wharf.Engine.Snapshots.Drivers;

/// <summary>
/// Layers over each other: their numbered directories, uppermost first, and the tree of the base below them all. Where one <paramref name="HasImages"/>, they lie on more than
/// one file system.
/// </summary>
internal sealed record LayerStack(IReadOnlyList<string> Directories, string Base, bool HasImages, bool IsShown = true)
{
    /// <summary>The layers' own trees, uppermost first, without the base.</summary>
    public List<string> Layers => [.. Directories.Select(TreeIn)];

    /// <summary>As <see cref="Layers"/>, with the base under all.</summary>
    public List<string> Trees => [.. Layers, Base];

    /// <summary>Where a layer's tree, or a container's, lies in a numbered directory.</summary>
    public static string TreeIn(string directory) => directory + "/fs";
}
