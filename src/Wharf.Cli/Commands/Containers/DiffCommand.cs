using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf diff</c>: A added, C changed, D deleted.</summary>
internal sealed class DiffCommand : Command
{
    public override string Usage => "CONTAINER";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0] == "") throw new CliException("Container name cannot be empty");
        var bytes = await cli.Api.GetBytesAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/changes", cancellationToken);
        // An unchanged container answers null, not an empty list.
        if (bytes.AsSpan().Trim("\r\n "u8).SequenceEqual("null"u8)) return 0;
        foreach (var change in ApiClient.DockerClient.Read(bytes, DockerApiJson.Default.ListFilesystemChange))
            await cli.Out.WriteLineAsync($"{(change.Kind switch { 0 => 'C', 1 => 'A', _ => 'D' })} {change.Path}");
        return 0;
    }
}
