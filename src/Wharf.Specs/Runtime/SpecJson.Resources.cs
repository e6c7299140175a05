namespace Wharf.Specs.Runtime;

/// <summary>Limits (config-linux.md, "Control groups").</summary>
public ref partial struct SpecJson
{
    private LinuxResources? Resources()
    {
        if (!Begin("LinuxResources")) return null;
        var resources = new LinuxResources();
        while (Next(out var name))
        {
            switch (name)
            {
                case "devices": resources.Devices = List(static (ref json) => json.DeviceRule()); break;
                case "memory": resources.Memory = Memory(); break;
                case "cpu": resources.Cpu = Cpu(); break;
                case "pids": resources.Pids = Pids(); break;
                case "blockIO": resources.BlockIo = BlockIo(); break;
                case "hugepageLimits": resources.HugepageLimits = List(static (ref json) => json.Hugepages()); break;
                case "network": resources.Network = Network(); break;
                case "rdma": resources.Rdma = Map(static (ref json) => json.Rdma()); break;
                case "unified": resources.Unified = Map(static (ref json) => json.Text() ?? ""); break;
                default: Other(); break;
            }
        }
        return resources;
    }

    private LinuxDeviceCgroup DeviceRule()
    {
        var rule = new LinuxDeviceCgroup();
        if (!Begin("LinuxDeviceCgroup")) return rule;
        while (Next(out var name))
        {
            switch (name)
            {
                case "allow": rule.Allow = Flag() ?? false; break;
                case "type": rule.Type = Text(); break;
                case "major": rule.Major = Int64(); break;
                case "minor": rule.Minor = Int64(); break;
                case "access": rule.Access = Text(); break;
                default: Other(); break;
            }
        }
        return rule;
    }

    private LinuxMemory? Memory()
    {
        if (!Begin("LinuxMemory")) return null;
        var memory = new LinuxMemory();
        while (Next(out var name))
        {
            switch (name)
            {
                case "limit": memory.Limit = Int64(); break;
                case "reservation": memory.Reservation = Int64(); break;
                case "swap": memory.Swap = Int64(); break;
                case "kernel": memory.Kernel = Int64(); break;
                case "kernelTCP": memory.KernelTcp = Int64(); break;
                case "swappiness": memory.Swappiness = UInt64(); break;
                case "disableOOMKiller": memory.DisableOomKiller = Flag(); break;
                case "useHierarchy": memory.UseHierarchy = Flag(); break;
                case "checkBeforeUpdate": memory.CheckBeforeUpdate = Flag(); break;
                default: Other(); break;
            }
        }
        return memory;
    }

    private LinuxCpu? Cpu()
    {
        if (!Begin("LinuxCPU")) return null;
        var cpu = new LinuxCpu();
        while (Next(out var name))
        {
            switch (name)
            {
                case "shares": cpu.Shares = UInt64(); break;
                case "quota": cpu.Quota = Int64(); break;
                case "burst": cpu.Burst = UInt64(); break;
                case "period": cpu.Period = UInt64(); break;
                case "realtimeRuntime": cpu.RealtimeRuntime = Int64(); break;
                case "realtimePeriod": cpu.RealtimePeriod = UInt64(); break;
                case "cpus": cpu.Cpus = Text(); break;
                case "mems": cpu.Mems = Text(); break;
                case "idle": cpu.Idle = Int64(); break;
                default: Other(); break;
            }
        }
        return cpu;
    }

    private LinuxPids? Pids()
    {
        if (!Begin("LinuxPids")) return null;
        var pids = new LinuxPids();
        while (Next(out var name))
        {
            switch (name)
            {
                case "limit": pids.Limit = Int64(); break;
                default: Other(); break;
            }
        }
        return pids;
    }

    private LinuxBlockIo? BlockIo()
    {
        if (!Begin("LinuxBlockIO")) return null;
        var block = new LinuxBlockIo();
        while (Next(out var name))
        {
            switch (name)
            {
                case "weight": block.Weight = UInt16(); break;
                case "leafWeight": block.LeafWeight = UInt16(); break;
                case "weightDevice": block.WeightDevice = List(static (ref json) => json.WeightDevice()); break;
                case "throttleReadBpsDevice": block.ThrottleReadBpsDevice = Throttles(); break;
                case "throttleWriteBpsDevice": block.ThrottleWriteBpsDevice = Throttles(); break;
                case "throttleReadIOPSDevice": block.ThrottleReadIopsDevice = Throttles(); break;
                case "throttleWriteIOPSDevice": block.ThrottleWriteIopsDevice = Throttles(); break;
                default: Other(); break;
            }
        }
        return block;
    }

    private LinuxWeightDevice WeightDevice()
    {
        var device = new LinuxWeightDevice();
        if (!Begin("LinuxWeightDevice")) return device;
        while (Next(out var name))
        {
            switch (name)
            {
                case "major": device.Major = Int64() ?? 0; break;
                case "minor": device.Minor = Int64() ?? 0; break;
                case "weight": device.Weight = UInt16(); break;
                case "leafWeight": device.LeafWeight = UInt16(); break;
                default: Other(); break;
            }
        }
        return device;
    }

    private List<LinuxThrottleDevice>? Throttles() => List(static (ref json) => json.Throttle());

    private LinuxThrottleDevice Throttle()
    {
        var device = new LinuxThrottleDevice();
        if (!Begin("LinuxThrottleDevice")) return device;
        while (Next(out var name))
        {
            switch (name)
            {
                case "major": device.Major = Int64() ?? 0; break;
                case "minor": device.Minor = Int64() ?? 0; break;
                case "rate": device.Rate = UInt64() ?? 0; break;
                default: Other(); break;
            }
        }
        return device;
    }

    private LinuxHugepageLimit Hugepages()
    {
        var limit = new LinuxHugepageLimit();
        if (!Begin("LinuxHugepageLimit")) return limit;
        while (Next(out var name))
        {
            switch (name)
            {
                case "pageSize": limit.PageSize = Text() ?? ""; break;
                case "limit": limit.Limit = UInt64() ?? 0; break;
                default: Other(); break;
            }
        }
        return limit;
    }

    private LinuxNetwork? Network()
    {
        if (!Begin("LinuxNetwork")) return null;
        var network = new LinuxNetwork();
        while (Next(out var name))
        {
            switch (name)
            {
                case "classID": network.ClassId = UInt32(); break;
                case "priorities": network.Priorities = List(static (ref json) => json.Priority()); break;
                default: Other(); break;
            }
        }
        return network;
    }

    private LinuxInterfacePriority Priority()
    {
        var priority = new LinuxInterfacePriority();
        if (!Begin("LinuxInterfacePriority")) return priority;
        while (Next(out var name))
        {
            switch (name)
            {
                case "name": priority.Name = Text() ?? ""; break;
                case "priority": priority.Priority = UInt32() ?? 0; break;
                default: Other(); break;
            }
        }
        return priority;
    }

    private LinuxRdma Rdma()
    {
        var rdma = new LinuxRdma();
        if (!Begin("LinuxRdma")) return rdma;
        while (Next(out var name))
        {
            switch (name)
            {
                case "hcaHandles": rdma.HcaHandles = UInt32(); break;
                case "hcaObjects": rdma.HcaObjects = UInt32(); break;
                default: Other(); break;
            }
        }
        return rdma;
    }
}
