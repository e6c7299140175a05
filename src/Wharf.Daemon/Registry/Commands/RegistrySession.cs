using Microsoft.Extensions.Logging.Abstractions;
using Wharf.Engine;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Finds the credential for a registry's host; null for none.</summary>
public delegate Task<AuthConfig?> CredentialLookup(string host, CancellationToken cancellation);

/// <summary>Connections of a command to registries, with the user's credentials.</summary>
internal sealed class RegistrySession(CredentialLookup credentials, IReadOnlyList<string> insecure)
{
    public DaemonOptions Options { get; } = new() { InsecureRegistries = insecure };

    /// <summary>A connection to a repository; a push may mount blobs from the repositories named.</summary>
    public async Task<RemoteRepository> ConnectAsync(ImageReference name, bool push, CancellationToken cancellation, params IReadOnlyList<string> mountFrom)
    {
        var client = new RemoteRepository(name, await credentials(name.Domain, cancellation), push, Options, NullLogger.Instance);
        if (!push) return client;
        try { await client.ConnectForPushAsync(mountFrom, cancellation); }
        catch
        {
            client.Dispose();
            throw;
        }
        return client;
    }

    /// <summary>Connects to a registry as a whole.</summary>
    public Task<RemoteRepository> ConnectHostAsync(string host, CancellationToken cancellation) => ConnectAsync(ImageReference.Parse(IsHost(host) ? $"{host}/x" : throw WharfException.Invalid($"\"{host}\" is no registry: expected HOST[:PORT]")), false, cancellation);

    /// <summary>True for a text that names a registry and no repository in it.</summary>
    public static bool IsHost(string text) => !text.Contains('/') && (text == "localhost" || text.Contains('.') || text.Contains(':') || text.StartsWith('['));
}
