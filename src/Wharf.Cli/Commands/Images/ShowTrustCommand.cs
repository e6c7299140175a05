using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image trust show</c>: whose images may come in.</summary>
internal sealed class ShowTrustCommand : Command
{
    private readonly StringFlag format;

    public ShowTrustCommand() => format = Flags.AddFormat();

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var trust = await cli.Api.GetAsync("/wharf/trust", WharfJson.Default.TrustState, cancellationToken);
        bool isTable = format.Value is "" or "table";
        if (isTable) await cli.Out.WriteLineAsync(trust.File is { } file ? $"Trust policy: {file}" : "No trust policy: images need no signatures");
        if (!isTable || trust.Rules.Count > 0) await cli.Out.WriteAsync(Rules.Render(format.Value == "" ? "table" : format.Value, isQuiet: false, trust.Rules));
        if (!isTable) return 0;
        if (trust.BlockedRegistries.Count > 0) await cli.Out.WriteLineAsync($"Blocked registries: {string.Join(", ", trust.BlockedRegistries)}");
        if (trust.AllowedRegistries.Count > 0) await cli.Out.WriteLineAsync($"Allowed registries: {string.Join(", ", trust.AllowedRegistries)}");
        return 0;
    }

    private static Listing<TrustRule> Rules { get; } = new()
    {
        TableFormat = "{{.Transport}}\t{{.Name}}\t{{.Type}}\t{{.Signers}}",
        Columns =
        [
            new("Transport", "TRANSPORT", row => row.Transport.Length > 0 ? row.Transport : "all"),
            new("Name", "NAME", row => row.Scope.Length > 0 ? row.Scope : "default"),
            new("Type", "TYPE", row => row.Type),
            new("Signers", "SIGNERS", row => string.Join(", ", row.Signers)),
            new("SignedIdentity", "IDENTITY", row => row.SignedIdentity ?? ""),
        ],
    };
}
