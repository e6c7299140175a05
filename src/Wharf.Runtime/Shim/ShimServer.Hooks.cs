using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Shim;

/// <summary>Hooks behind a launch and behind an end; the others are the launcher's. Another runtime runs its own.</summary>
internal sealed partial class ShimServer
{
    /// <summary>Called on the launching thread: a hook may take its time.</summary>
    private static void RunPoststart(Supervised process, int pid)
    {
        if (process is { Runtime: null, Hooks.Poststart: { Count: > 0 } hooks }) RunHooks(process, "poststart", hooks, new State { Status = "running", Pid = pid });
    }

    private static void RunPoststop(Supervised process)
    {
        if (process is { Runtime: null, Hooks.Poststop: { Count: > 0 } hooks }) ThreadPool.UnsafeQueueUserWorkItem(_ => RunHooks(process, "poststop", hooks, new State { Status = "stopped" }), null);
    }

    private static void RunHooks(Supervised process, string stage, List<Hook> hooks, State state)
    {
        (state.Id, state.OciVersion, state.Annotations) = (process.Id, new Spec().OciVersion, process.Annotations);
        HookRunner.RunAll(stage, hooks, state, problem => Console.Error.WriteLine($"{process.Id}: {problem}"));
    }
}
