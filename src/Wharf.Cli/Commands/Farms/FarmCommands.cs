using Wharf.Cli.CommandLine;
using Wharf.Cli.Contexts;
using Wharf.Cli.Output;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Farms;

/// <summary>The verbs of <c>farm</c>, as podman has them: several engines that build one image together.</summary>
internal static class FarmVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("build", "Build an image on the engines of a farm, for the platform of each", () => new FarmBuildCommand()),
        Verb("create", "Make a farm of contexts", () => new CreateFarmCommand()),
        Verb("ls", "List farms", () => new ListFarmsCommand(), "farm ls", "farm list").As("ls", ["list"]),
        Verb("rm", "Remove farms", () => new RemoveFarmCommand(), "farm rm", "farm remove").As("rm", ["remove"]),
        Verb("update", "Change a farm", () => new UpdateFarmCommand()),
    ];
}

/// <summary><c>wharf farm create</c>; the first one is the default.</summary>
internal sealed class CreateFarmCommand : Command
{
    public override string Usage => "NAME [CONTEXT...]";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], new FarmStore(cli.Config.Directory));
        var farms = store.Read();
        if (farms.Farms.ContainsKey(name)) throw new CliException($"farm with name {Quoting.Quote(name)} already exists");
        if (arguments.Skip(1).FirstOrDefault(connection => !cli.Options.Contexts.Exists(connection)) is { } missing) throw new CliException($"cannot create farm, {Quoting.Quote(missing)} is not a context");
        farms.Farms[name] = [.. arguments.Skip(1).Distinct()];
        if (farms.Farms.Count == 1) farms.Default = name;
        store.Save(farms);
        await cli.Out.WriteLineAsync($"Farm {Quoting.Quote(name)} created");
        return 0;
    }
}

/// <summary><c>wharf farm ls</c>.</summary>
internal sealed class ListFarmsCommand : Command
{
    private readonly StringFlag format;

    public ListFarmsCommand() => format = Flags.AddFormat();

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    private sealed record Row(string Name, List<string> Connections, bool IsDefault);

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var farms = new FarmStore(cli.Config.Directory).Read();
        await cli.Out.WriteAsync(Create().Render(format.Value != "" ? format.Value : "table", isQuiet: false, farms.Farms.Select(farm => new Row(farm.Key, farm.Value, farm.Key == farms.Default)).ToList()));
        return 0;
    }

    private static Listing<Row> Create() => new()
    {
        TypeName = "farm",
        TableFormat = "{{.Name}}\t{{.Connections}}\t{{.Default}}\t{{.ReadWrite}}",
        QuietFormat = "{{.Name}}",
        Columns = [new("Name", "NAME", row => row.Name), new("Connections", "CONNECTIONS", row => $"[{string.Join(' ', row.Connections)}]"), new("Default", "DEFAULT", row => row.IsDefault), new("ReadWrite", "READWRITE", _ => true)],
    };
}

/// <summary><c>wharf farm rm</c>.</summary>
internal sealed class RemoveFarmCommand : Command
{
    private readonly BoolFlag all;

    public RemoveFarmCommand() => all = Flags.Bool("all", 'a', "All of them");

    public override string Usage => "[OPTIONS] [FARM...]";

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (all == arguments.Count > 0) throw new CliException("name farms, or remove --all");
        var store = new FarmStore(cli.Config.Directory);
        var farms = store.Read();
        if (all)
        {
            store.Save(new FarmDocument());
            await cli.Out.WriteLineAsync("All farms have been deleted");
            return 0;
        }
        var missing = arguments.Where(name => !farms.Farms.ContainsKey(name)).ToList();
        foreach (var name in arguments.Except(missing))
        {
            farms.Farms.Remove(name);
            if (farms.Default == name) farms.Default = farms.Farms.Keys.FirstOrDefault() ?? "";
            await cli.Out.WriteLineAsync($"Farm {Quoting.Quote(name)} deleted");
        }
        store.Save(farms);
        return missing.Count == 0 ? 0 : throw new CliException($"no such farm: {string.Join(", ", missing)}");
    }
}

/// <summary><c>wharf farm update</c>.</summary>
internal sealed class UpdateFarmCommand : Command
{
    private readonly StringsFlag add, remove;
    private readonly BoolFlag isDefault;

    public UpdateFarmCommand()
    {
        add = Flags.Add(new StringsFlag("add", 'a', "Add contexts to it"));
        isDefault = Flags.Bool("default", 'd', "Mean this one when no other is named");
        remove = Flags.Add(new StringsFlag("remove", 'r', "Take contexts from it"));
    }

    public override string Usage => "[OPTIONS] FARM";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (name, store) = (arguments[0], new FarmStore(cli.Config.Directory));
        var farms = store.Read();
        var connections = farms.Get(name);
        if (!add.Changed && !remove.Changed && !isDefault.Changed) throw new CliException($"nothing to update for farm {Quoting.Quote(name)}, please use the --add, --remove, or --default flags to update a farm");
        if (add.Values.Find(connection => !cli.Options.Contexts.Exists(connection)) is { } unknown) throw new CliException($"cannot add to farm, {Quoting.Quote(unknown)} is not a context");
        if (remove.Values.Find(connection => !connections.Contains(connection)) is { } absent) throw new CliException($"cannot remove from farm, {Quoting.Quote(absent)} is not a connection in the farm");
        farms.Farms[name] = [.. connections.Except(remove.Values).Union(add.Values)];
        if (isDefault) farms.Default = name;
        else if (isDefault.Changed && farms.Default == name) farms.Default = "";
        store.Save(farms);
        await cli.Out.WriteLineAsync($"Farm {Quoting.Quote(name)} updated");
        return 0;
    }
}
