using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>pause</c>: stops all processes of a container.</summary>
internal sealed class PauseCommand : RuntimeCommand
{
    public override string Name => "pause";
    public override string Summary => "suspend all processes of a container";
    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        var status = container.Status();
        if (status is not ("running" or "created")) throw new RuntimeException($"container not running or created: {status}");
        (container.OpenCgroup() ?? throw new RuntimeException("cannot pause a container without a cgroup")).Freeze();
        return 0;
    }
}

/// <summary><c>resume</c>: lets them go on.</summary>
internal sealed class ResumeCommand : RuntimeCommand
{
    public override string Name => "resume";
    public override string Summary => "resume the processes of a paused container";
    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        if (!container.Alive || container.OpenCgroup() is not { Frozen: true } cgroup) throw new RuntimeException("container not paused");
        cgroup.Thaw();
        return 0;
    }
}
