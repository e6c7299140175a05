using System.Text;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>state</c>: what is known of a container, as JSON.</summary>
internal sealed class StateCommand : RuntimeCommand
{
    public override string Name => "state";
    public override string Summary => "output the state of a container";
    public override int Run(Context context, Arguments arguments)
    {
        var summary = new ContainerStore(context.Root).Load(arguments.Rest[0]).Summary();
        Streams.Out(Encoding.UTF8.GetString(StateJson.Document(true, json => StateJson.Write(json, summary))) + "\n");
        return 0;
    }
}
