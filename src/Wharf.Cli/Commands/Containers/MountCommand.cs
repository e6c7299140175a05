using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf mount</c>: prints the directory where the files of a container, a version of one (NAME@N) or an image can be read; without a name, what is mounted.</summary>
internal sealed class MountCommand : Command
{
    public override string Usage => "[NAME [DIRECTORY]]";
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments.Count == 0)
        {
            foreach (var there in await cli.Api.GetAsync("/wharf/mounts", WharfJson.Default.ListHostMount, cancellationToken)) await cli.Out.WriteLineAsync($"{there.Name}\t{there.Path}");
            return 0;
        }
        var query = new Query().Add("name", arguments[0]).Add("path", arguments.Count > 1 ? Path.GetFullPath(arguments[1]) : "");
        await cli.Out.WriteLineAsync((await cli.Api.PostAsync($"/wharf/mounts{query}", WharfJson.Default.HostMount, cancellationToken)).Path);
        return 0;
    }
}

/// <summary><c>wharf unmount</c>: by the name that was mounted, or the directory.</summary>
internal sealed class UnmountCommand : EachCommand
{
    public override string Usage => "NAME|DIRECTORY [NAME|DIRECTORY...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await using (await cli.Api.SendAsync(new ApiRequest("DELETE", $"/wharf/mounts{new Query().Add("name", name)}"), cancellationToken)) return name;
    }
}
