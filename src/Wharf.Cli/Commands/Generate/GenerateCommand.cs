using Wharf.Cli.CommandLine;
using Wharf.Cli.Recipes;

namespace Wharf.Cli.Commands.Generate;

/// <summary>A verb that prints containers in another form. What the image and the daemon give them is left out.</summary>
internal abstract class GenerateCommand : Command
{
    public override string Usage => "CONTAINER [CONTAINER...]";
    public override int MinArguments => 1;

    /// <summary>The text for all of them.</summary>
    protected abstract string Print(IReadOnlyList<ContainerRecipe> recipes);

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var defaults = await RecipeReader.DefaultsAsync(cli, cancellationToken);
        var recipes = new List<ContainerRecipe>();
        foreach (var name in arguments) recipes.Add(await RecipeReader.ReadAsync(cli, name, defaults, cancellationToken));
        await cli.Out.WriteAsync(Print(recipes));
        return 0;
    }
}

/// <summary><c>wharf generate run</c>: a command line that a shell takes.</summary>
internal sealed class GenerateRunCommand : GenerateCommand
{
    public override string Details => "The command it prints makes a container like this one: run again, inspect tells the same of it.";

    protected override string Print(IReadOnlyList<ContainerRecipe> recipes) => string.Join('\n', recipes.Select(Print));

    private static string Print(ContainerRecipe recipe)
    {
        var form = RunForm.Of(recipe);
        var lines = RunForm.StreamFlags(recipe.Request).Append(["--name", recipe.Name]).Concat(form.Flags).Append([.. form.Arguments]).Select(words => string.Join(' ', words.Select(ShellWords.Quote)));
        return string.Concat(form.Notes.Select(note => $"# {note}\n")) + $"{CliContext.Program} run {string.Join(" \\\n  ", lines)}\n";
    }
}

/// <summary><c>wharf generate compose</c>: a compose file with a service each.</summary>
internal sealed class GenerateComposeCommand : GenerateCommand
{
    public override string Details => "A service for each container. Networks and volumes are those that are there (external).";

    protected override string Print(IReadOnlyList<ContainerRecipe> recipes) => ComposeForm.Of(recipes);
}

/// <summary><c>wharf generate kube</c>: a pod with a container each.</summary>
internal sealed class GenerateKubeCommand : GenerateCommand
{
    public override string Details => "One pod with all of the containers. Named volumes become claims.";

    protected override string Print(IReadOnlyList<ContainerRecipe> recipes) => KubeForm.Of(recipes);
}

/// <summary><c>wharf generate systemd</c>: a service unit each.</summary>
internal sealed class GenerateSystemdCommand : GenerateCommand
{
    private readonly StringFlag program;

    public GenerateSystemdCommand() => program = Flags.String("program", "Path of wharf on the machine where the service runs", Environment.ProcessPath ?? "/usr/bin/wharf");

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";
    public override string Details => "The service makes its container anew at each start, and runs it in the foreground: systemd restarts it as the\ncontainer's restart policy says.";

    protected override string Print(IReadOnlyList<ContainerRecipe> recipes) => string.Join('\n', recipes.Select(recipe => $"# /etc/systemd/system/{recipe.Name}.service\n{SystemdForm.Of(recipe, program.Value)}"));
}
