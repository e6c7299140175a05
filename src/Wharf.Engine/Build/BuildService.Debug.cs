using Wharf.Engine.Build.Debugging;

namespace Wharf.Engine.Build;

public sealed partial class BuildService
{
    /// <summary>A container for a build's client to run processes in, within the limits of the build's steps; the caller disposes it before the build's hold.</summary>
    public BuildContainer OpenContainer(BuildRequest request, BuildContexts contexts, BuildContainerSetup setup) => new(Parts(request, contexts), setup);
}
