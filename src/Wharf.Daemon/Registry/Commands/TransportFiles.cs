using Wharf.Daemon.Registry.Http;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>Images of directories and archives (containers-transports(5)) on their way into an engine and out of it, which itself speaks archives alone.</summary>
public static class TransportFiles
{
    /// <summary>Writes the image of a place as an archive that an engine loads, under the name that the place was asked for by or has it by; of one platform, or all of it.</summary>
    public static Task ToArchiveAsync(string place, string archive, string platform, CancellationToken cancellation) => ToldAsync(place, async () =>
    {
        var from = Parse(place);
        using var source = await from.OpenSourceAsync(Nobody, cancellation);
        var name = from.Name ?? (from.Tag is { } said && ImageReference.TryParse(said, out var tag) ? tag : null);
        var written = name?.WithDefaultTag().Familiar ?? (source is INamedImages images ? await images.FullNameAsync(from.Reference, cancellation) : null);
        using var target = LayoutArchivePlace.Create(archive);
        await new ImageCopy(source, target).RunAsync(from.Reference, written ?? ImageReference.DefaultTag, platform.Length > 0 ? Platforms.Parse(platform) : null, cancellation);
        await target.CompleteAsync(cancellation);
        return "";
    });

    /// <summary>Takes an image out of an archive that an engine saved, and puts it in a place, under the image's own name or tag where none was said. Gives a line that tells so.</summary>
    public static Task<string> FromArchiveAsync(Stream archive, string image, string place, CancellationToken cancellation) => ToldAsync(place, async () =>
    {
        var (to, name) = (Parse(place), ImageReference.Parse(image).WithDefaultTag());
        if (to.Name is null) to = to with { Name = name };
        using var source = await LayoutArchivePlace.ReadAsync(image, archive, cancellation);
        using var target = await to.OpenTargetAsync(Nobody, null, cancellation);
        var tag = to.Tag ?? name.Tag!;
        var digest = await new ImageCopy(source, target).RunAsync(LayoutPlace.Only, tag, target.TakesIndexes ? null : Platforms.Host, cancellation);
        await target.CompleteAsync(cancellation);
        return $"{to.Describe(tag)}: digest: {digest}";
    });

    private static RegistrySession Nobody => new(static (_, _) => Task.FromResult<AuthConfig?>(null), []);

    private static CopyLocation Parse(string place) => CopyLocation.Parse(place) is { IsRegistry: false } one ? one : throw WharfException.Invalid($"\"{place}\" is no directory or archive");

    /// <summary>Errors say which place they are about.</summary>
    private static async Task<string> ToldAsync(string place, Func<Task<string>> work)
    {
        var path = Parse(place).Path;
        try { return await work(); }
        catch (RegistryException error) { throw WharfException.Invalid($"{place}: {error.Message}{(error.Detail is { } detail ? ": " + detail : "")}", error); }
        catch (WharfException error) when (!error.Message.Contains(path, StringComparison.Ordinal)) { throw new WharfException(error.Kind, $"{place}: {error.Message}", error); }
    }
}
