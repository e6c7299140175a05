using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf update</c>: limits, restart policy, environment and health check of containers that exist.</summary>
internal sealed class UpdateCommand : EachCommand
{
    private readonly IntFlag blkioWeight, cpuPeriod, cpuQuota, cpuRtPeriod, cpuRtRuntime, cpuShares, pidsLimit;
    private readonly StringFlag cpusetCpus, cpusetMems, restart;
    private readonly BytesFlag memory, memoryReservation, memorySwap;
    private readonly CpusFlag cpus;
    private readonly BlockDeviceFlags blockDevices;
    private readonly ListFlag environment, unset, ulimit;
    private readonly HealthFlags health;

    public UpdateCommand()
    {
        blkioWeight = Flags.Add(new IntFlag("blkio-weight", '\0', "Share of block I/O from 10 to 1000; 0 turns it off", typeName: "uint16") { DefaultText = "0" });
        cpuPeriod = Flags.Int("cpu-period", "Period of the CPU limit (CFS) in microseconds");
        cpuQuota = Flags.Int("cpu-quota", "CPU time in each period (CFS) in microseconds");
        cpuRtPeriod = Flags.Int("cpu-rt-period", "Period of the real-time CPU limit in microseconds");
        cpuRtRuntime = Flags.Int("cpu-rt-runtime", "Real-time CPU time in each period in microseconds");
        cpuShares = Flags.Int("cpu-shares", 'c', "Relative weight of CPU time");
        cpus = Flags.Add(new CpusFlag("cpus", "Number of CPUs"));
        cpusetCpus = Flags.String("cpuset-cpus", "CPUs it may run on (0-3, 0,1)");
        cpusetMems = Flags.String("cpuset-mems", "Memory nodes it may use (0-3, 0,1)");
        blockDevices = new BlockDeviceFlags(Flags);
        environment = Flags.Add(new ListFlag("env", 'e', "Environment variable from the next exec and the next start on", "list") { Check = FlagChecks.Variable });
        unset = Flags.List("unsetenv", "Environment variable to take away");
        health = new HealthFlags(Flags);
        ulimit = Flags.Add(new ListFlag("ulimit", '\0', "Ulimit from the next exec and the next start on", "ulimit") { Check = text => { UlimitSpec.Parse(text); return text; }, DefaultText = "[]" });
        memory = Flags.Bytes("memory", 'm', "Limit of memory");
        memoryReservation = Flags.Bytes("memory-reservation", "Soft limit of memory");
        memorySwap = Flags.Add(new BytesFlag("memory-swap", '\0', "Limit of memory and swap together; -1 for unlimited swap") { AllowMinusOne = true });
        pidsLimit = Flags.Int("pids-limit", "Limit of processes; -1 for unlimited");
        restart = Flags.String("restart", "Restart policy when it exits");
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Flags.All.Any(flag => flag.Changed) ? base.RunAsync(cli, arguments, cancellationToken) : throw new CliException("you must provide one or more flags when using this command");

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var request = new ContainerUpdateRequest
        {
            BlkioWeight = blkioWeight.Value,
            CpuPeriod = cpuPeriod.Value,
            CpuQuota = cpuQuota.Value,
            CpuRealtimePeriod = cpuRtPeriod.Value,
            CpuRealtimeRuntime = cpuRtRuntime.Value,
            CpuShares = cpuShares.Value,
            NanoCpus = cpus.NanoCpus,
            CpusetCpus = cpusetCpus.Value,
            CpusetMems = cpusetMems.Value,
            Memory = memory.Value,
            MemoryReservation = memoryReservation.Value,
            MemorySwap = memorySwap.Value,
            PidsLimit = pidsLimit.Changed ? pidsLimit.Value : null,
            BlkioWeightDevice = blockDevices.Weights,
            BlkioDeviceReadBps = blockDevices.ReadBps,
            BlkioDeviceWriteBps = blockDevices.WriteBps,
            BlkioDeviceReadIOps = blockDevices.ReadIops,
            BlkioDeviceWriteIOps = blockDevices.WriteIops,
            Ulimits = [.. ulimit.Values.Select(UlimitSpec.Parse)],
            Env = environment.Values.Count + unset.Values.Count == 0 ? null : [.. unset.Values, .. EnvironmentFile.Collect([], environment.Values) ?? []],
            Healthcheck = health.Build(),
            RestartPolicy = restart.Value == "" ? new RestartPolicy { Name = "" } : RestartSpec.Parse(restart.Value),
        };
        var answer = await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/update", request, DockerApiJson.Default.ContainerUpdateRequest, DockerApiJson.Default.ContainerUpdateResponse, cancellationToken);
        foreach (var warning in answer.Warnings ?? []) await cli.Error.WriteLineAsync(warning);
        return name;
    }
}
