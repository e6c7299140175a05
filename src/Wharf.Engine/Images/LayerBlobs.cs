namespace Wharf.Engine.Images;

/// <summary>What becomes of the compressed form of a pulled layer once it is unpacked. A push elsewhere sends the same bytes but for <see cref="Drop"/>.</summary>
public enum LayerBlobs
{
    /// <summary>It makes room for a recipe to make it again, where there is one.</summary>
    Recipe,

    /// <summary>It is kept.</summary>
    Keep,

    /// <summary>It is dropped: a push to a registry that has not got it compresses anew.</summary>
    Drop,
}
