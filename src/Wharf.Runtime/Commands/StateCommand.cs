using System.Text.Encodings.Web;
using System.Text.Json;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary><c>state</c>: what is known of a container, as JSON.</summary>
internal sealed class StateCommand : RuntimeCommand
{
    private static readonly StoreJson Indented = new(new JsonSerializerOptions(StoreJson.Default.Options) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public override string Name => "state";
    public override string Summary => "output the state of a container";
    public override int Run(Context context, Arguments arguments)
    {
        var summary = new ContainerStore(context.Root).Load(arguments.Rest[0]).Summary();
        Streams.Out(JsonSerializer.Serialize(summary, Indented.ContainerSummary) + "\n");
        return 0;
    }
}
