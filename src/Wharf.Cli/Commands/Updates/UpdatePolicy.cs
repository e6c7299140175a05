namespace Wharf.Cli.Commands.Updates;

/// <summary>The label that asks for updates: <c>registry</c> looks for a newer image where it came from, <c>local</c> for one of the same name here.</summary>
internal static class UpdatePolicy
{
    public const string Label = "wharf.auto-update", Registry = "registry", Local = "local";
}

/// <summary>What became of one container.</summary>
internal sealed record UpdateResult(string Container, string Image, string Policy, string Outcome, string Detail)
{
    public const string UpToDate = "false", Pending = "pending", Updated = "true", RolledBack = "rolled back", Failed = "failed";

    public bool IsFailure => Outcome is RolledBack or Failed;
}
