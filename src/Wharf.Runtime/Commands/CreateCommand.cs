using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;

namespace Wharf.Runtime.Commands;

/// <summary><c>create</c>: the container with its process, which waits for <c>start</c> and outlives this program.</summary>
internal sealed class CreateCommand : RuntimeCommand
{
    public override string Name => "create";
    public override string Summary => "create a container";
    public override string Description => "Makes a container from a bundle. Its process is there and waits: \"start\" lets it execute the configured program.";
    public override IReadOnlyList<Flag> Flags => ContainerStarter.Flags;
    public override string FailurePrefix(string application) => $"{application} create failed: ";

    public override int Run(Context context, Arguments arguments)
    {
        new ContainerStarter(context, arguments, create: true).Start();
        return 0;
    }
}
