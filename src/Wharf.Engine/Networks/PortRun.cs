namespace Wharf.Engine.Networks;

/// <summary>
/// Neighbouring host ports that lead to the same ports of one container, from <paramref name="First"/> to <paramref name="Last"/>: one element
/// of an interval map however many they are. A single port, and one that leads to another number, is a run of one (nftables has no
/// translation of a range to a shifted range).
/// </summary>
internal readonly record struct PortRun(PortMapping Mapping, int First, int Last)
{
    public bool IsRange => Last > First;

    /// <summary>The ports of an endpoint in runs; the same ports always give the same runs, as elements are deleted by what they say.</summary>
    public static IEnumerable<PortRun> Of(IEnumerable<PortMapping> ports)
    {
        PortRun? open = null;
        foreach (var port in ports.OrderBy(port => port.ArrivalAddress, StringComparer.Ordinal).ThenBy(port => port.Protocol, StringComparer.Ordinal).ThenBy(port => port.Routed).ThenBy(Number))
        {
            if (open is { } run && run.Mapping.ArrivalAddress == port.ArrivalAddress && run.Mapping.Protocol == port.Protocol && run.Mapping.Routed == port.Routed && Keeps(run.Mapping) && Keeps(port))
            {
                if (Number(port) == run.Last) continue; // two host ports lead to one that is routed
                if (Number(port) == run.Last + 1)
                {
                    open = run with { Last = run.Last + 1 };
                    continue;
                }
            }
            if (open is { } done) yield return done;
            open = new PortRun(port, Number(port), Number(port));
        }
        if (open is { } last) yield return last;
    }

    private static int Number(PortMapping port) => port.Routed ? port.ContainerPort : port.ArrivalPort;
    private static bool Keeps(PortMapping port) => port.Routed || port.ArrivalPort == port.ContainerPort;
}
