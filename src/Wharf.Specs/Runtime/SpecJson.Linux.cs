namespace Wharf.Specs.Runtime;

/// <summary>The Linux part (config-linux.md).</summary>
public ref partial struct SpecJson
{
    private LinuxSpec? Linux()
    {
        if (!Begin("Linux")) return null;
        var linux = new LinuxSpec();
        while (Next(out var name))
        {
            switch (name)
            {
                case "uidMappings": linux.UidMappings = Mappings(); break;
                case "gidMappings": linux.GidMappings = Mappings(); break;
                case "sysctl": linux.Sysctl = Map(static (ref json) => json.Text() ?? ""); break;
                case "resources": linux.Resources = Resources(); break;
                case "cgroupsPath": linux.CgroupsPath = Text(); break;
                case "namespaces": linux.Namespaces = List(static (ref json) => json.Namespace()); break;
                case "devices": linux.Devices = List(static (ref json) => json.Device()); break;
                case "seccomp": linux.Seccomp = Seccomp(); break;
                case "rootfsPropagation": linux.RootfsPropagation = Text(); break;
                case "maskedPaths": linux.MaskedPaths = Texts(); break;
                case "readonlyPaths": linux.ReadonlyPaths = Texts(); break;
                case "mountLabel": linux.MountLabel = Text(); break;
                case "personality": linux.Personality = Personality(); break;
                case "timeOffsets": linux.TimeOffsets = Map(static (ref json) => json.TimeOffset()); break;
                case "intelRdt": linux.IntelRdt = IntelRdt(); break;
                case "memoryPolicy": linux.MemoryPolicy = MemoryPolicy(); break;
                case "netDevices": linux.NetDevices = Map(static (ref json) => json.NetDevice()); break;
                default: Other(); break;
            }
        }
        return linux;
    }

    private LinuxNamespace Namespace()
    {
        var ns = new LinuxNamespace();
        if (!Begin("LinuxNamespace")) return ns;
        while (Next(out var name))
        {
            switch (name)
            {
                case "type": ns.Type = Text() ?? ""; break;
                case "path": ns.Path = Text(); break;
                default: Other(); break;
            }
        }
        return ns;
    }

    private LinuxDevice Device()
    {
        var device = new LinuxDevice { Type = "" };
        if (!Begin("LinuxDevice")) return device;
        while (Next(out var name))
        {
            switch (name)
            {
                case "type": device.Type = Text() ?? ""; break;
                case "path": device.Path = Text() ?? ""; break;
                case "major": device.Major = Int64(); break;
                case "minor": device.Minor = Int64(); break;
                case "fileMode": device.FileMode = UInt32(); break;
                case "uid": device.Uid = UInt32(); break;
                case "gid": device.Gid = UInt32(); break;
                default: Other(); break;
            }
        }
        return device;
    }

    private LinuxPersonality? Personality()
    {
        if (!Begin("LinuxPersonality")) return null;
        var personality = new LinuxPersonality { Domain = "" };
        while (Next(out var name))
        {
            switch (name)
            {
                case "domain": personality.Domain = Text() ?? ""; break;
                case "flags": personality.Flags = Texts(); break;
                default: Other(); break;
            }
        }
        return personality;
    }

    private LinuxTimeOffset TimeOffset()
    {
        var offset = new LinuxTimeOffset();
        if (!Begin("LinuxTimeOffset")) return offset;
        while (Next(out var name))
        {
            switch (name)
            {
                case "secs": offset.Secs = Int64() ?? 0; break;
                case "nanosecs": offset.Nanosecs = UInt32() ?? 0; break;
                default: Other(); break;
            }
        }
        return offset;
    }

    private LinuxIntelRdt? IntelRdt()
    {
        if (!Begin("LinuxIntelRdt")) return null;
        var rdt = new LinuxIntelRdt();
        while (Next(out var name))
        {
            switch (name)
            {
                case "closID": rdt.ClosId = Text(); break;
                case "schemata": rdt.Schemata = Texts(); break;
                case "l3CacheSchema": rdt.L3CacheSchema = Text(); break;
                case "memBwSchema": rdt.MemBwSchema = Text(); break;
                case "enableMonitoring": rdt.EnableMonitoring = Flag(); break;
                default: Other(); break;
            }
        }
        return rdt;
    }

    private LinuxMemoryPolicy? MemoryPolicy()
    {
        if (!Begin("LinuxMemoryPolicy")) return null;
        var policy = new LinuxMemoryPolicy();
        while (Next(out var name))
        {
            switch (name)
            {
                case "mode": policy.Mode = Text() ?? ""; break;
                case "nodes": policy.Nodes = Text(); break;
                case "flags": policy.Flags = Texts(); break;
                default: Other(); break;
            }
        }
        return policy;
    }

    private LinuxNetDevice NetDevice()
    {
        var device = new LinuxNetDevice();
        if (!Begin("LinuxNetDevice")) return device;
        while (Next(out var name))
        {
            switch (name)
            {
                case "name": device.Name = Text(); break;
                default: Other(); break;
            }
        }
        return device;
    }

    private LinuxSeccomp? Seccomp()
    {
        if (!Begin("LinuxSeccomp")) return null;
        var seccomp = new LinuxSeccomp();
        while (Next(out var name))
        {
            switch (name)
            {
                case "defaultAction": seccomp.DefaultAction = Text() ?? ""; break;
                case "defaultErrnoRet": seccomp.DefaultErrnoRet = UInt32(); break;
                case "architectures": seccomp.Architectures = Texts(); break;
                case "flags": seccomp.Flags = Texts(); break;
                case "listenerPath": seccomp.ListenerPath = Text(); break;
                case "listenerMetadata": seccomp.ListenerMetadata = Text(); break;
                case "syscalls": seccomp.Syscalls = List(static (ref json) => json.Syscall()); break;
                default: Other(); break;
            }
        }
        return seccomp;
    }

    private LinuxSyscall Syscall()
    {
        var call = new LinuxSyscall();
        if (!Begin("LinuxSyscall")) return call;
        while (Next(out var name))
        {
            switch (name)
            {
                case "names": call.Names = Texts() ?? []; break;
                case "action": call.Action = Text() ?? ""; break;
                case "errnoRet": call.ErrnoRet = UInt32(); break;
                case "args": call.Args = List(static (ref json) => json.SyscallArgument()); break;
                default: Other(); break;
            }
        }
        return call;
    }

    private LinuxSeccompArg SyscallArgument()
    {
        var argument = new LinuxSeccompArg();
        if (!Begin("LinuxSeccompArg")) return argument;
        while (Next(out var name))
        {
            switch (name)
            {
                case "index": argument.Index = UInt32() ?? 0; break;
                case "value": argument.Value = UInt64() ?? 0; break;
                case "valueTwo": argument.ValueTwo = UInt64(); break;
                case "op": argument.Op = Text() ?? ""; break;
                default: Other(); break;
            }
        }
        return argument;
    }
}
