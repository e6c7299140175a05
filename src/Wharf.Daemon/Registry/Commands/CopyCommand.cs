using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>
/// <c>wharf registry copy</c>: between registries, directories and archives, byte for byte; no daemon has a part in it. What the destination has is not sent. Places are written as
/// skopeo writes them (<see cref="CopyLocation"/>).
/// </summary>
internal static class CopyCommand
{
    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var words = arguments.Exactly(2, "wharf registry copy SOURCE DESTINATION");
        var (from, to) = (CopyLocation.Parse(words[0]), CopyLocation.Parse(words[1]));
        if (to.Name?.Digest is not null) throw WharfException.Invalid("the destination is named by a tag: its digest is the source's");
        var tag = to.Tag ?? from.Tag ?? ImageReference.DefaultTag;
        var mountFrom = from.IsRegistry && to.IsRegistry && from.Name!.Domain == to.Name!.Domain ? from.Name.Path : null;
        var session = new RegistrySession(credentials, arguments.All("--insecure-registry"));
        using var source = await from.OpenSourceAsync(session, CancellationToken.None);
        using var target = await to.OpenTargetAsync(session, mountFrom, CancellationToken.None);
        var copy = new ImageCopy(source, target);
        var platform = arguments.One("--platform") is { } text ? Platforms.Parse(text) : target.TakesIndexes ? null : Platforms.Host;
        var digest = await copy.RunAsync(from.Reference, tag, platform, CancellationToken.None);
        if (arguments.Has("--referrers")) await copy.ReferrersAsync(digest, CancellationToken.None);
        await target.CompleteAsync(CancellationToken.None);
        Console.Out.WriteLine($"{to.Describe(tag)}: digest: {digest}");
        return 0;
    }
}
