using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>The flags for I/O of single devices: shared by run, create and update.</summary>
internal sealed class BlockDeviceFlags(FlagSet flags)
{
    private readonly ListFlag weights = Add(flags, "blkio-weight-device", "Share of one device's block I/O (path:weight)", FlagChecks.WeightDevice);
    private readonly ListFlag readBps = Add(flags, "device-read-bps", "Limit of bytes read from a device each second", FlagChecks.ThrottleBytes);
    private readonly ListFlag readIops = Add(flags, "device-read-iops", "Limit of reads from a device each second", FlagChecks.ThrottleCount);
    private readonly ListFlag writeBps = Add(flags, "device-write-bps", "Limit of bytes written to a device each second", FlagChecks.ThrottleBytes);
    private readonly ListFlag writeIops = Add(flags, "device-write-iops", "Limit of writes to a device each second", FlagChecks.ThrottleCount);

    public List<HostConfigBlkioWeightDevice> Weights => DeviceSpec.Weights(weights.Values) ?? [];
    public List<ThrottleDevice> ReadBps => DeviceSpec.Throttles(readBps.Values) ?? [];
    public List<ThrottleDevice> ReadIops => DeviceSpec.Throttles(readIops.Values) ?? [];
    public List<ThrottleDevice> WriteBps => DeviceSpec.Throttles(writeBps.Values) ?? [];
    public List<ThrottleDevice> WriteIops => DeviceSpec.Throttles(writeIops.Values) ?? [];

    private static ListFlag Add(FlagSet flags, string name, string help, Func<string, string> check) => flags.Add(new ListFlag(name, '\0', help, "list") { Check = check });
}
