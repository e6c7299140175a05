using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Numbers that have no sign in docker's types, and how large they may be; refused in the words of its decoder.</summary>
internal static class UnsignedRules
{
    public static void Check(HostConfig host)
    {
        Check(host.BlkioWeight, "BlkioWeight", ushort.MaxValue, "uint16");
        Check(host.IOMaximumIOps, "IOMaximumIOps", long.MaxValue, "uint64");
        Check(host.IOMaximumBandwidth, "IOMaximumBandwidth", long.MaxValue, "uint64");
        for (int i = 0; i < host.BlkioWeightDevice?.Count; i++) Check(host.BlkioWeightDevice[i].Weight, $"BlkioWeightDevice.{i}.Weight", ushort.MaxValue, "uint16");
        for (int i = 0; i < host.ConsoleSize?.Count; i++) Check(host.ConsoleSize[i], $"ConsoleSize.{i}", uint.MaxValue, "uint");
        CheckRates(host.BlkioDeviceReadBps, "BlkioDeviceReadBps");
        CheckRates(host.BlkioDeviceWriteBps, "BlkioDeviceWriteBps");
        CheckRates(host.BlkioDeviceReadIOps, "BlkioDeviceReadIOps");
        CheckRates(host.BlkioDeviceWriteIOps, "BlkioDeviceWriteIOps");
    }

    private static void CheckRates(List<ThrottleDevice>? devices, string field)
    {
        for (int i = 0; i < devices?.Count; i++) Check(devices[i].Rate, $"{field}.{i}.Rate", long.MaxValue, "uint64");
    }

    private static void Check(long? value, string field, long highest, string type)
    {
        if (value < 0 || value > highest) throw WharfException.Invalid($"invalid JSON: json: cannot unmarshal number {value} into Go struct field .HostConfig.{field} of type {type}");
    }
}
