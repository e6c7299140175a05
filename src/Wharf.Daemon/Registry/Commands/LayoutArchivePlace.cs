using System.Text;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Content;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary>A tar of an OCI layout. One that is read is unpacked into a private directory, under numbers and not under its own names; one that is written appears when it is whole.</summary>
internal sealed class LayoutArchivePlace : INamedImages
{
    private readonly string _path;
    private readonly ArchiveMembers? _members;
    private readonly DirectoryInfo? _building;
    private readonly LayoutPlace _layout;

    private LayoutArchivePlace(string path, ArchiveMembers? members, DirectoryInfo? building)
    {
        (_path, _members, _building) = (path, members, building);
        _layout = members is null ? new LayoutPlace(building!.FullName) : new LayoutPlace(path, name => members.Find(name) ?? Path.Combine(path, name));
    }

    public static async Task<LayoutArchivePlace> ReadAsync(string path, CancellationToken cancellation) => new(path, await MembersAsync(path, cancellation), null);

    /// <summary>An archive that comes from elsewhere; <paramref name="name"/> stands for it in errors.</summary>
    public static async Task<LayoutArchivePlace> ReadAsync(string name, Stream archive, CancellationToken cancellation) => new(name, await MembersAsync(archive, cancellation), null);

    /// <summary>An archive that is to be written, in the place of one that is there.</summary>
    public static LayoutArchivePlace Create(string path) => new(path, null, Directory.CreateTempSubdirectory("wharf-copy-"));

    /// <summary>The members of an archive, which may be compressed, in a directory of their own.</summary>
    public static async Task<ArchiveMembers> MembersAsync(string path, CancellationToken cancellation)
    {
        await using var file = await BlobFile.OpenAsync(path);
        return await MembersAsync(file, cancellation);
    }

    private static async Task<ArchiveMembers> MembersAsync(Stream file, CancellationToken cancellation)
    {
        var limits = new Limits();
        await using var tar = await Compression.OpenAsync(file, limits.MaxDecompressionRatio, cancellation);
        return await ArchiveMembers.ReadAsync(tar, Path.GetTempPath(), limits, cancellation);
    }

    public Task<(byte[] Bytes, string? MediaType, Digest Digest)> ManifestAsync(string reference, CancellationToken cancellation) => _layout.ManifestAsync(reference, cancellation);
    public Task<string?> FullNameAsync(string reference, CancellationToken cancellation) => _layout.FullNameAsync(reference, cancellation);
    public Task<bool> HasManifestAsync(Digest digest, CancellationToken cancellation) => _layout.HasManifestAsync(digest, cancellation);
    public Task<Stream> OpenBlobAsync(Digest digest, CancellationToken cancellation) => _layout.OpenBlobAsync(digest, cancellation);
    public Task<List<Descriptor>> ReferrersAsync(Digest subject, CancellationToken cancellation) => _layout.ReferrersAsync(subject, cancellation);
    public Task<bool> HasBlobAsync(Digest digest, CancellationToken cancellation) => _layout.HasBlobAsync(digest, cancellation);
    public Task PutBlobAsync(Digest digest, long size, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) => _layout.PutBlobAsync(digest, size, open, cancellation);
    public Task PutManifestAsync(string? tag, byte[] bytes, string mediaType, Digest digest, CancellationToken cancellation) => _layout.PutManifestAsync(tag, bytes, mediaType, digest, cancellation);

    public Task CompleteAsync(CancellationToken cancellation) => BlobFile.BesideAsync(_path, async file =>
    {
        var tar = new TarWriter(file);
        foreach (var member in _building!.EnumerateFiles("*", SearchOption.AllDirectories).OrderBy(static member => member.FullName, StringComparer.Ordinal))
        {
            await using var content = await BlobFile.OpenAsync(member.FullName);
            await tar.WriteFileAsync(Entry(Path.GetRelativePath(_building.FullName, member.FullName), member.Length), content, cancellation);
        }
        await tar.FinishAsync(cancellation);
    });

    /// <summary>A file of an archive: no times and no owners, so that the same image gives the same bytes.</summary>
    public static TarEntry Entry(string name, long size) => new() { Type = TarType.File, Name = Encoding.ASCII.GetBytes(name), Mode = 0x1a4, Size = size };

    public void Dispose()
    {
        _members?.Dispose();
        _building?.Delete(recursive: true);
    }
}
