using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf inspect</c>: of whatever has that name.</summary>
internal sealed class InspectCommand : Command
{
    private static readonly string[] Kinds = ["container", "image", "network", "volume"];
    private readonly StringFlag format, type;
    private readonly BoolFlag size;

    public InspectCommand()
    {
        format = Flags.AddFormat('f', "How to print: 'json', or a Go template");
        size = Flags.Bool("size", 's', "Also sizes, of containers");
        type = Flags.String("type", "Only objects of this kind");
    }

    public override string Usage => "[OPTIONS] NAME|ID [NAME|ID...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (type.Changed && !Kinds.Contains(type.Value)) throw new CliException($"unknown type: {Quoting.Quote(type.Value)}: must be one of {string.Join(", ", Kinds.Select(Quoting.Quote))}");
        return Inspection.RunAsync(cli, format.Value, arguments, name => GetAsync(cli, name, cancellationToken));
    }

    private async Task<byte[]> GetAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        foreach (var kind in type.Changed ? [type.Value] : Kinds)
        {
            try
            {
                var found = await cli.Api.GetBytesAsync(Path(kind, name), cancellationToken);
                if (size && kind != "container") await cli.Error.WriteLineAsync($"WARNING: --size ignored for {kind}");
                return found;
            }
            catch (ApiException e) when (e.Status == 404 && !type.Changed)
            {
                // It may be of another kind.
            }
            catch (ApiException e) when (e.Status == 400 && !type.Changed && kind != "container")
            {
                // A name that one kind could not even have says nothing about the others.
            }
        }
        throw new CliException($"Error: No such object: {name}");
    }

    private string Path(string kind, string name) => kind switch
    {
        "container" => $"/containers/{Uri.EscapeDataString(name)}/json{new Query().Add("size", size)}",
        "image" => $"/images/{Reference.Escape(name)}/json",
        "network" => $"/networks/{Uri.EscapeDataString(name)}",
        _ => $"/volumes/{Uri.EscapeDataString(name)}",
    };
}
