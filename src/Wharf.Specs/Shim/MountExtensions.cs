namespace Wharf.Specs.Shim;

/// <summary>Options of mounts that are between engine and runtime alone, beside those of OCI.</summary>
public static class MountExtensions
{
    /// <summary>Prefix of the path below a bind's source that is mounted in its place; found by the kernel, which does not leave the source.</summary>
    public const string Subpath = "wharf.subpath=";
}
