using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry referrers</c>: what has an image of any registry as its subject, a line each: the name to pull it by, what kind of artifact it is, and its size.</summary>
internal static class ReferrersCommand
{
    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var name = ImageReference.Parse(arguments.Exactly(1, "wharf registry referrers HOST/REPOSITORY[:TAG|@DIGEST] [--artifact-type TYPE] [--json]")[0]).WithDefaultTag();
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectAsync(name, false, CancellationToken.None);
        // A digest need not be there: what refers to it may have come before it.
        var subject = name.Digest ?? (await client.ManifestAsync(name.Tag!, CancellationToken.None)).Digest;
        var found = await client.ReferrersAsync(subject, arguments.One("--artifact-type"), CancellationToken.None);
        if (arguments.Has("--json"))
            Console.Out.WriteLine(JsonSerializer.Serialize(new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.OciIndex, Manifests = found }, ImageJson.Plain.ImageIndex));
        else
            foreach (var one in found) Console.Out.WriteLine($"{name.FamiliarRepository}@{one.Digest}\t{one.ArtifactType ?? "-"}\t{one.Size}");
        return 0;
    }
}
