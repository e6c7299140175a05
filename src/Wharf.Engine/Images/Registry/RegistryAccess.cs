using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>Which registries, namespaces and repositories may be spoken to at all, by <c>blocked-registries</c> and <c>allowed-registries</c>.</summary>
internal static class RegistryAccess
{
    /// <summary>Forbidden when the registry or repository is blocked, or others alone are allowed.</summary>
    /// <param name="name">A registry's host or a repository in full. The host of an allowed repository may be asked for what is no repository's.</param>
    public static void Check(string name, DaemonOptions options)
    {
        if (name is "registry-1.docker.io" or "index.docker.io") name = ImageReference.DefaultDomain;
        if (options.BlockedRegistries.FirstOrDefault(pattern => Fits(pattern, name)) is { } blocked) throw new WharfException(ErrorKind.Forbidden, $"registry {name.Split('/')[0]} is blocked by this engine's blocked-registries ({blocked})");
        if (options.AllowedRegistries.Count > 0 && !options.AllowedRegistries.Any(pattern => Fits(pattern, name) || !name.Contains('/') && Fits(name, pattern))) throw new WharfException(ErrorKind.Forbidden, $"{name} is not among this engine's allowed-registries");
    }

    /// <summary>A host with its port, a host and a part of the path, or <c>*.example.com</c> for all hosts below it.</summary>
    internal static bool Fits(string pattern, string name) => pattern.StartsWith("*.", StringComparison.Ordinal) ? name.Split('/')[0].EndsWith(pattern[1..], StringComparison.Ordinal)
        : name.StartsWith(pattern, StringComparison.Ordinal) && (name.Length == pattern.Length || name[pattern.Length] == '/');
}
