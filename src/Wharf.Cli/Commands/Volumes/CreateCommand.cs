using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly StringFlag driver, name;
    private readonly ListFlag label;
    private readonly MapFlag opt;
    private readonly ClusterVolumeFlags cluster;

    public CreateCommand()
    {
        cluster = new ClusterVolumeFlags(Flags);
        driver = Flags.String("driver", 'd', "Driver of the volume", "local");
        label = Flags.List("label", "Label on the volume");
        name = Flags.Add(new StringFlag("name", '\0', "Name of the volume") { Hidden = true });
        opt = Flags.Map("opt", 'o', "Options of the driver");
    }

    public override string Usage => "[OPTIONS] [VOLUME]";
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments.Count == 1 && name.Value != "") throw new CliException("conflicting options: cannot specify a volume-name through both --name and as a positional arg");
        var request = new VolumeCreateOptions { Name = arguments.Count == 1 ? arguments[0] : name.Value, Driver = driver.Value, DriverOpts = opt.Values.Count == 0 ? null : opt.Values, Labels = KeyValue.ToMap(label.Values), ClusterVolumeSpec = cluster.Specification() };
        var made = await cli.Api.PostAsync("/volumes/create", request, DockerApiJson.Default.VolumeCreateOptions, DockerApiJson.Default.Volume, cancellationToken);
        await cli.Out.WriteLineAsync(made.Name);
        return 0;
    }
}
