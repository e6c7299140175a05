using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>How many packets wait to be sent by a container's interface (ip-link(8)): Wharf's own option of a network, or of one endpoint on it.</summary>
internal static class QueueLength
{
    public const string Option = "wharf.txqueuelen";
    private const int Most = 1_000_000;

    /// <summary>Null leaves the kernel's own.</summary>
    public static int? Of(Network network, EndpointSettings settings) => Parse(settings.DriverOpts) ?? Parse(network.Options);

    /// <summary>Throws InvalidArgument for what is no number of packets.</summary>
    public static int? Parse(Dictionary<string, string>? options) => options?.GetValueOrDefault(Option) switch
    {
        null or "" => null,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= Most => length,
        var text => throw WharfException.Invalid($"invalid value \"{text}\" of {Option}: a number of packets up to {Most}"),
    };
}
