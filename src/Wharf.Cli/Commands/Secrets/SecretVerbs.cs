using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands.Secrets;

/// <summary>The verbs of <c>secret</c>.</summary>
internal static class SecretVerbs
{
    public static IReadOnlyList<CommandEntry> All =>
    [
        Verb("create", "Create a secret from a file, or from standard input", () => new SecretCreateCommand()),
        Verb("inspect", "Show all but the value of secrets", () => new SecretInspectCommand()),
        Verb("ls", "List secrets", () => new SecretListCommand(), "secret ls", "secret list").As("ls", ["list"]),
        Verb("rm", "Remove secrets", () => new SecretRemoveCommand(), "secret rm", "secret remove").As("rm", ["remove"]),
    ];

    public static string PathOf(string name) => $"/wharf/secrets/{Uri.EscapeDataString(name)}";
}

/// <summary><c>wharf secret create</c>.</summary>
internal sealed class SecretCreateCommand : Command
{
    private readonly ListFlag label;

    public SecretCreateCommand() => label = Flags.Add(new ListFlag("label", 'l', "Label on the secret", "list") { Check = Containers.Options.FlagChecks.Label });

    public override string Usage => "[OPTIONS] SECRET [FILE|-]";
    public override string Details => "Containers get it by --secret of run and create, as a file below /run/secrets or as a variable. Its value is kept where only root can read it, and never shown.";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        using var value = new MemoryStream();
        await using (var input = InputFile.Open(cli, arguments.Count < 2 || arguments[1] == "-" ? "" : arguments[1], "give the value in a file, or on standard input")) await input.CopyToAsync(value, cancellationToken);
        var body = new SecretCreateRequest { Name = arguments[0], Labels = KeyValue.ToMap(label.Values), Data = value.ToArray() };
        var secret = await cli.Api.PostAsync("/wharf/secrets", body, WharfJson.Default.SecretCreateRequest, WharfJson.Default.Secret, cancellationToken);
        await cli.Out.WriteLineAsync(secret.ID);
        return 0;
    }
}

/// <summary><c>wharf secret inspect</c>.</summary>
internal sealed class SecretInspectCommand : Command
{
    private readonly StringFlag format;

    public SecretInspectCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS] SECRET [SECRET...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync(SecretVerbs.PathOf(name), cancellationToken));
}

/// <summary><c>wharf secret ls</c>.</summary>
internal sealed class SecretListCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag quiet;

    public SecretListCommand()
    {
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only the IDs");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var secrets = await cli.Api.GetAsync("/wharf/secrets", WharfJson.Default.ListSecret, cancellationToken);
        await cli.Out.WriteAsync(Table.Render(format.Value == "" ? "table" : format.Value, quiet, secrets));
        return 0;
    }

    private static Listing<Secret> Table { get; } = new()
    {
        TypeName = "*formatter.secretContext",
        TableFormat = "{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.Size}}",
        QuietFormat = "{{.ID}}",
        Columns =
        [
            new("ID", "ID", secret => secret.ID), new("Name", "NAME", secret => secret.Name), new("CreatedAt", "CREATED", secret => Ago.Since(secret.CreatedAt, DateTimeOffset.UtcNow)),
            new("Size", "SIZE", secret => secret.Size.ToString(CultureInfo.InvariantCulture) + "B"), new("Labels", "LABELS", secret => string.Join(',', secret.Labels.Select(static pair => $"{pair.Key}={pair.Value}"))),
        ],
    };
}

/// <summary><c>wharf secret rm</c>.</summary>
internal sealed class SecretRemoveCommand : EachCommand
{
    public override string Usage => "SECRET [SECRET...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.DeleteAsync(SecretVerbs.PathOf(name), cancellationToken);
        return name;
    }
}
