using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Trust;

/// <summary>
/// Which images may come in, and whose signature they must have: a file as podman and skopeo read it, containers-policy.json(5). Of all scopes that fit an image the most
/// specific one's requirements hold, all of them.
/// </summary>
public sealed class TrustPolicy(string path, IReadOnlyList<TrustRequirement> otherwise, IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<TrustRequirement>>> transports)
{
    public const string Registry = "docker", DockerArchive = "docker-archive", OciArchive = "oci-archive";

    public string Path => path;

    /// <summary>What an image of a registry must meet, and the scope that says so.</summary>
    public (string Scope, IReadOnlyList<TrustRequirement> Requirements) Of(ImageReference image) => Of(Registry, ScopesOf(image));

    /// <summary>What archives of one transport must meet.</summary>
    public (string Scope, IReadOnlyList<TrustRequirement> Requirements) OfArchive(string transport) => Of(transport, []);

    private (string Scope, IReadOnlyList<TrustRequirement> Requirements) Of(string transport, IEnumerable<string> scopes)
    {
        if (transports.TryGetValue(transport, out var own))
            foreach (var scope in scopes.Append(""))
                if (own.TryGetValue(scope, out var requirements)) return (scope.Length > 0 ? scope : transport, requirements);
        return ("default", otherwise);
    }

    /// <summary>The image, its repository, the namespaces above it, the host, and the host's subdomains by <c>*.</c>; most specific first.</summary>
    internal static IEnumerable<string> ScopesOf(ImageReference image)
    {
        var name = image.Repository;
        yield return image.Digest is { } digest ? $"{name}@{digest}" : $"{name}:{image.Tag}";
        while (true)
        {
            yield return name;
            if (name.LastIndexOf('/') is not (> 0 and var slash)) break;
            name = name[..slash];
        }
        while (name.IndexOf('.') is >= 0 and var dot) yield return "*." + (name = name[(dot + 1)..]);
    }

    /// <summary>Every scope's requirements, the default's first.</summary>
    public List<TrustRule> Rules() =>
        [.. otherwise.Select(static requirement => RuleOf("", "", requirement)),
        .. from transport in transports.OrderBy(static entry => entry.Key, StringComparer.Ordinal) from scope in transport.Value.OrderBy(static entry => entry.Key, StringComparer.Ordinal) from requirement in scope.Value select RuleOf(transport.Key, scope.Key, requirement)];

    private static TrustRule RuleOf(string transport, string scope, TrustRequirement requirement) =>
        new() { Transport = transport, Scope = scope, Type = requirement.Type, Signers = requirement is SignatureRequirement signed ? [.. signed.Signers] : [], SignedIdentity = (requirement as SignatureRequirement)?.Identity?.Type };
}
