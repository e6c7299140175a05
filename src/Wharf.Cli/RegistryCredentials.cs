using Wharf.Specs.DockerApi;

namespace Wharf.Cli;

/// <summary>The user's stored credentials, for commands that talk to registries themselves.</summary>
public static class RegistryCredentials
{
    /// <summary>The credential of a registry's host; null when there is none.</summary>
    public static async Task<AuthConfig?> FindAsync(string host, CancellationToken cancellation)
    {
        await using var cli = CliContext.OfProcess(new GlobalOptions());
        return await new Credentials(cli.Config).GetAsync(Credentials.Key(host), cancellation);
    }
}
