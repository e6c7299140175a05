using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Contexts;

/// <summary><c>wharf context ls</c>.</summary>
internal sealed class ListCommand : Command
{
    private const int WidestError = 45;
    private readonly StringFlag format;
    private readonly BoolFlag quiet;

    public ListCommand()
    {
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only names");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    private sealed record Row(string Name, string Description, string Host, bool IsCurrent, string Error);

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var current = cli.Options.CurrentContext;
        var rows = cli.Options.Contexts.All().Select(context => new Row(context.Name, context.Metadata.Description ?? "", context.Docker.Host, context.Name == current, "")).ToList();
        rows.Add(new Row(ContextStore.Default, "Current DOCKER_HOST based configuration", cli.Options.DefaultHost, current == ContextStore.Default, ""));
        if (rows.All(row => !row.IsCurrent)) rows.Add(new Row(current, "", "", true, $"context {Quoting.Quote(current)}: context not found"));
        rows = [.. rows.OrderBy(row => row.Name, NaturalOrder.Instance)];
        var text = format.Value != "" ? format.Value : "table";
        await cli.Out.WriteAsync(Create().Render(text, quiet, rows));
        await WarnOfHostAsync(cli, null);
        return 0;
    }

    /// <summary>A context that the environment overrides is a trap: docker says so, and so do we.</summary>
    internal static async Task WarnOfHostAsync(CliContext cli, string? name)
    {
        if (Environment.GetEnvironmentVariable("DOCKER_HOST") is not { Length: > 0 } || cli.Options.ContextIsChosen) return;
        var which = name is null ? "a context" : Quoting.Quote(name);
        await cli.Error.WriteLineAsync($"Warning: DOCKER_HOST environment variable overrides the active context. To use {which}, either set the global --context flag, or unset DOCKER_HOST environment variable.");
    }

    private static Listing<Row> Create() => new()
    {
        TypeName = "*formatter.clientContextContext",
        TableFormat = "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
        QuietFormat = "{{.Name}}",
        Columns =
        [
            new("Current", "", row => row.IsCurrent),
            new("Name", "NAME", row => row.Name),
            new("Description", "DESCRIPTION", row => Text.Ellipsis(row.Description, 60)),
            new("DockerEndpoint", "DOCKER ENDPOINT", row => row.Host),
            new("Error", "ERROR", row => Text.Ellipsis(row.Error, WidestError)),
        ],
    };
}
