using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>builder mount</c>: directories that <c>RUN --mount=type=cache</c> keeps from build to build.</summary>
internal static class CacheMountVerbs
{
    public static CommandEntry Noun => Catalog.Noun("mount", "Manage cache mounts of builds",
        Catalog.Verb("export", "Write what a cache mount holds as a tar archive", () => new ExportMountCommand()),
        Catalog.Verb("import", "Put the files of a tar archive into a cache mount", () => new ImportMountCommand()),
        Catalog.Verb("ls", "List cache mounts", () => new ListMountsCommand()));
}

/// <summary><c>wharf builder mount ls</c>.</summary>
internal sealed class ListMountsCommand : Command
{
    private const string Prefix = "cached mount ";

    public override string Usage => "";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var use = await cli.Api.GetAsync("/system/df?type=build-cache", DockerApiJson.Default.SystemDataUsageResponse, cancellationToken);
        await cli.Out.WriteLineAsync($"{"SIZE",-10} {"IN USE",-8} ID");
        foreach (var mount in (use.BuildCache ?? []).Where(static entry => entry.Type == "exec.cachemount"))
            await cli.Out.WriteLineAsync($"{Output.Units.HumanSize(mount.Size ?? 0),-10} {(mount.InUse == true ? "true" : "false"),-8} {(mount.Description ?? "").Replace(Prefix, "", StringComparison.Ordinal)}");
        return 0;
    }
}

/// <summary><c>wharf builder mount export</c>.</summary>
internal sealed class ExportMountCommand : Command
{
    private readonly StringFlag output;

    public ExportMountCommand() => output = Flags.String("output", 'o', "File to write to, in place of stdout");

    public override string Usage => "[OPTIONS] ID";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await OutputFile.WriteAsync(cli, output.Value, "export cache mount", async file =>
        {
            await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/wharf/build/mounts/export{new Query().Add("id", arguments[0])}"), cancellationToken);
            await response.Body.CopyToAsync(file, cancellationToken);
        });
        return 0;
    }
}

/// <summary><c>wharf builder mount import</c>.</summary>
internal sealed class ImportMountCommand : Command
{
    public override string Usage => "ID [FILE|-]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var file = InputFile.Open(cli, arguments.Count > 1 && arguments[1] != "-" ? arguments[1] : "", "refusing to read an archive from a terminal");
        await using (await cli.Api.SendAsync(new ApiRequest("POST", $"/wharf/build/mounts/import{new Query().Add("id", arguments[0])}") { BodyStream = file, Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken))
            await cli.Out.WriteLineAsync(arguments[0]);
        return 0;
    }
}
