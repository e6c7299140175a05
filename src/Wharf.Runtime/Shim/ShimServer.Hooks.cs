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

    // They all run; one that fails is told (runtime.md, "Lifecycle").
    private static void RunHooks(Supervised process, string stage, List<Hook> hooks, State state)
    {
        (state.Id, state.OciVersion, state.Annotations) = (process.Id, new Spec().OciVersion, process.Annotations);
        foreach (var hook in hooks)
        {
            try { HookRunner.Run(stage, [hook], state); }
            catch (Exception error) when (error is LaunchException or IOException) { Console.Error.WriteLine($"{process.Id}: {error.Message}"); }
        }
    }
}
