using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf diff</c>: A added, C changed, D deleted. Of a container since it was made, or between any two images or containers.</summary>
internal sealed class DiffCommand : Command
{
    public override string Usage => "CONTAINER | FROM TO";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0] == "") throw new CliException("Container name cannot be empty");
        if (arguments.Count == 2) return await CompareAsync(cli, arguments[0], arguments[1], cancellationToken);
        var bytes = await cli.Api.GetBytesAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/changes", cancellationToken);
        // An unchanged container answers null, not an empty list.
        if (bytes.AsSpan().Trim("\r\n "u8).SequenceEqual("null"u8)) return 0;
        foreach (var change in ApiClient.DockerClient.Read(bytes, DockerApiJson.Default.ListFilesystemChange))
            await cli.Out.WriteLineAsync($"{(change.Kind switch { 0 => 'C', 1 => 'A', _ => 'D' })} {change.Path}");
        return 0;
    }

    /// <summary>Any two images or containers, with the sizes of files before and after.</summary>
    private static async Task<int> CompareAsync(CliContext cli, string from, string to, CancellationToken cancellationToken)
    {
        var differences = await cli.Api.GetAsync($"/wharf/diff?from={Uri.EscapeDataString(from)}&to={Uri.EscapeDataString(to)}", WharfJson.Default.ListFileDifference, cancellationToken);
        foreach (var one in differences)
            await cli.Out.WriteLineAsync($"{(one.Kind switch { 0 => 'C', 1 => 'A', _ => 'D' })} {one.Path}{Sizes(one)}");
        return 0;
    }

    private static string Sizes(FileDifference one) => (one.SizeBefore, one.SizeAfter) switch
    {
        (null, null) => "",
        ({ } before, null) => $"  {Units.HumanSize(before)} -> 0B",
        (null, { } after) => $"  {Units.HumanSize(after)}",
        ({ } before, { } after) => before == after ? $"  {Units.HumanSize(after)}" : $"  {Units.HumanSize(before)} -> {Units.HumanSize(after)}",
    };
}
