namespace Wharf.Specs.Runtime;

/// <summary>The process (config.md, "Process").</summary>
public ref partial struct SpecJson
{
    private Process? Process()
    {
        if (!Begin("Process")) return null;
        var process = new Process { Cwd = "" };
        while (Next(out var name))
        {
            switch (name)
            {
                case "terminal": process.Terminal = Flag(); break;
                case "consoleSize": process.ConsoleSize = ConsoleSize(); break;
                case "user": process.User = User(); break;
                case "args": process.Args = Texts() ?? []; break;
                case "env": process.Env = Texts(); break;
                case "cwd": process.Cwd = Text() ?? ""; break;
                case "capabilities": process.Capabilities = Capabilities(); break;
                case "rlimits": process.Rlimits = List(static (ref json) => json.Rlimit()); break;
                case "noNewPrivileges": process.NoNewPrivileges = Flag(); break;
                case "apparmorProfile": process.ApparmorProfile = Text(); break;
                case "oomScoreAdj": process.OomScoreAdj = Int32(); break;
                case "scheduler": process.Scheduler = Scheduler(); break;
                case "selinuxLabel": process.SelinuxLabel = Text(); break;
                case "ioPriority": process.IoPriority = IoPriority(); break;
                case "execCPUAffinity": process.ExecCPUAffinity = Affinity(); break;
                default: Other(); break;
            }
        }
        return process;
    }

    private ConsoleSize? ConsoleSize()
    {
        if (!Begin("Box")) return null;
        var size = new ConsoleSize();
        while (Next(out var name))
        {
            switch (name)
            {
                case "height": size.Height = UInt32() ?? 0; break;
                case "width": size.Width = UInt32() ?? 0; break;
                default: Other(); break;
            }
        }
        return size;
    }

    private User User()
    {
        var user = new User();
        if (!Begin("User")) return user;
        while (Next(out var name))
        {
            switch (name)
            {
                case "uid": user.Uid = UInt32() ?? 0; break;
                case "gid": user.Gid = UInt32() ?? 0; break;
                case "umask": user.Umask = UInt32(); break;
                case "additionalGids": user.AdditionalGids = List(static (ref json) => json.UInt32() ?? 0); break;
                case "username": user.Username = Text(); break;
                default: Other(); break;
            }
        }
        return user;
    }

    private Capabilities? Capabilities()
    {
        if (!Begin("LinuxCapabilities")) return null;
        var sets = new Capabilities();
        while (Next(out var name))
        {
            switch (name)
            {
                case "bounding": sets.Bounding = Texts(); break;
                case "effective": sets.Effective = Texts(); break;
                case "inheritable": sets.Inheritable = Texts(); break;
                case "permitted": sets.Permitted = Texts(); break;
                case "ambient": sets.Ambient = Texts(); break;
                default: Other(); break;
            }
        }
        return sets;
    }

    private Rlimit Rlimit()
    {
        var limit = new Rlimit();
        if (!Begin("POSIXRlimit")) return limit;
        while (Next(out var name))
        {
            switch (name)
            {
                case "type": limit.Type = Text() ?? ""; break;
                case "hard": limit.Hard = UInt64() ?? 0; break;
                case "soft": limit.Soft = UInt64() ?? 0; break;
                default: Other(); break;
            }
        }
        return limit;
    }

    private Scheduler? Scheduler()
    {
        if (!Begin("Scheduler")) return null;
        var scheduler = new Scheduler { Policy = "" };
        while (Next(out var name))
        {
            switch (name)
            {
                case "policy": scheduler.Policy = Text() ?? ""; break;
                case "nice": scheduler.Nice = Int32(); break;
                case "priority": scheduler.Priority = Int32(); break;
                case "flags": scheduler.Flags = Texts(); break;
                case "runtime": scheduler.Runtime = UInt64(); break;
                case "deadline": scheduler.Deadline = UInt64(); break;
                case "period": scheduler.Period = UInt64(); break;
                default: Other(); break;
            }
        }
        return scheduler;
    }

    private IoPriority? IoPriority()
    {
        if (!Begin("LinuxIOPriority")) return null;
        var priority = new IoPriority();
        while (Next(out var name))
        {
            switch (name)
            {
                case "class": priority.Class = Text() ?? ""; break;
                case "priority": priority.Priority = Int32() ?? 0; break;
                default: Other(); break;
            }
        }
        return priority;
    }

    private ExecCpuAffinity? Affinity()
    {
        if (!Begin("CPUAffinity")) return null;
        var affinity = new ExecCpuAffinity();
        while (Next(out var name))
        {
            switch (name)
            {
                case "initial": affinity.Initial = Text(); break;
                case "final": affinity.Final = Text(); break;
                default: Other(); break;
            }
        }
        return affinity;
    }
}
