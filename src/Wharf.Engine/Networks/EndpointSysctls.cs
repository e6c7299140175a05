using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Reads docker's per-interface settings: <c>net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0</c>.</summary>
public static class EndpointSysctls
{
    /// <summary>Paths below /proc/sys/net with their values.</summary>
    public static IEnumerable<(string Path, string Value)> Parse(string? text, string interfaceName)
    {
        if (string.IsNullOrEmpty(text)) yield break;
        foreach (var entry in text.Split(','))
        {
            int equals = entry.IndexOf('=');
            var parts = equals < 0 ? [] : entry[..equals].Split('.');
            // Only settings of this interface: net.FAMILY.KIND.IFNAME.NAME, names without slashes or dots.
            if (parts is not ["net", "ipv4" or "ipv6" or "mpls", "conf" or "neigh", var place, { Length: > 0 } name] || !place.Equals("IFNAME", StringComparison.OrdinalIgnoreCase) || !name.All(character => char.IsAsciiLetterOrDigit(character) || character == '_'))
                throw WharfException.Invalid($"unrecognised network interface sysctl '{entry}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'");
            yield return ($"{parts[1]}/{parts[2]}/{interfaceName}/{name}", entry[(equals + 1)..]);
        }
    }
}
