namespace Wharf.Engine.Build;

/// <summary>When the registry is asked for the images that FROM names: podman's policies (podman-build(1), <c>--pull</c>), of which docker has the first two.</summary>
public enum BasePull
{
    /// <summary>When they are not here.</summary>
    Missing,
    Always,
    /// <summary>Always, but what is here will do where the registry does not answer.</summary>
    Newer,
    Never,
}
