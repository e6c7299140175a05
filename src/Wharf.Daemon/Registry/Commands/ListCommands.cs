using System.Net;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry ls</c>, <c>tags</c> and <c>rm</c>.</summary>
internal static class ListCommands
{
    public static async Task<int> RepositoriesAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var host = arguments.Exactly(1, "wharf registry ls HOST")[0];
        if (!RegistrySession.IsHost(host)) return await TagsAsync(arguments, credentials);
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectHostAsync(host, CancellationToken.None);
        foreach (var name in await client.RepositoriesAsync(CancellationToken.None)) Console.Out.WriteLine(name);
        return 0;
    }

    public static async Task<int> TagsAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var name = ImageReference.Parse(arguments.Exactly(1, "wharf registry tags HOST/REPOSITORY")[0]);
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectAsync(name, false, CancellationToken.None);
        foreach (var tag in await client.TagsAsync(CancellationToken.None)) Console.Out.WriteLine(tag);
        return 0;
    }

    /// <summary>Deletes each; goes on after an error, and tells by the exit code that there was one.</summary>
    public static async Task<int> RemoveAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        if (arguments.Words.Count == 0) throw WharfException.Invalid("expected: wharf registry rm HOST/REPOSITORY:TAG...");
        var session = new RegistrySession(credentials, arguments.All("--insecure-registry"));
        int code = 0;
        foreach (var word in arguments.Words)
        {
            try
            {
                await RemoveOneAsync(session, word, arguments.Has("--repository"));
                Console.Out.WriteLine($"Deleted: {word}");
            }
            catch (WharfException error)
            {
                await Console.Error.WriteLineAsync($"wharf registry: {error.Message}");
                code = 1;
            }
        }
        return code;
    }

    private static async Task RemoveOneAsync(RegistrySession session, string word, bool repository)
    {
        var name = ImageReference.Parse(word);
        using var client = await session.ConnectAsync(name, true, CancellationToken.None);
        if (repository)
        {
            if (name.Tag is not null || name.Digest is not null) throw WharfException.Invalid($"{word}: --repository deletes a whole repository: leave tag and digest out");
            var (status, body) = await client.RequestAsync(HttpMethod.Delete, $"/api/repositories/{Uri.EscapeDataString(name.Path)}", null, CancellationToken.None);
            if (status != HttpStatusCode.Accepted) throw AdminCommands.Refused(status, body);
            return;
        }
        // A repository alone is no tag of it: latest is not assumed where something is lost.
        await client.DeleteManifestAsync(name.Digest?.ToString() ?? name.Tag ?? throw WharfException.Invalid($"{word}: name a tag or a digest, or use --repository"), CancellationToken.None);
    }
}
