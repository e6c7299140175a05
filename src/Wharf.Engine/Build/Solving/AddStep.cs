using System.Security.Cryptography;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Content;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>What sets ADD apart from COPY: archives of the context are unpacked, addresses are fetched.</summary>
public static class AddStep
{
    /// <summary>Whether a source word is an address to fetch.</summary>
    public static bool IsRemote(string source) => GitSource.IsGit(source) || source.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>True when the file is a tar, plain or compressed.</summary>
    internal static async Task<bool> IsArchiveAsync(CopySource source, Limits limits, CancellationToken cancellation)
    {
        if (!source.Stat.IsRegular || source.Stat.Size < 512 / 32) return false;
        await using var stream = Open(source);
        try
        {
            await using var plain = await Compression.OpenAsync(stream, limits.MaxDecompressionRatio, cancellation);
            return await new TarReader(plain, limits).ReadNextAsync(cancellation) is not null;
        }
        catch (Exception error) when (error is InvalidDataException or WharfException or ZstdSharp.ZstdException)
        {
            // Not an archive, then: it is copied as it is.
            return false;
        }
    }

    internal static FileStream Open(CopySource source)
    {
        var fd = new Fd(FileAt.Check(FileAt.Open(source.Parent.Value, source.Name, O.RDONLY | O.NOFOLLOW), "open", source.Name));
        using (fd) return new FileStream(fd.ProcPath, System.IO.FileMode.Open, FileAccess.Read, FileShare.Read, 65536, useAsync: false);
    }

    /// <summary>Fetches what a build names by address into a directory: a file, or a repository's files. Gives the commit's or the server's time; null when nothing tells one.</summary>
    internal static async Task<DateTimeOffset?> FetchAsync(BuildRequest request, string address, string? checksum, bool keepGitDirectory, string directory, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        if (!GitSource.IsGit(address))
        {
            try { return Changed(await FetchAsync(address, checksum, directory, cancellation)); }
            catch (HttpRequestException error)
            {
                var problem = Images.Registry.RegistryConnection.Describe(error, "Get", new Uri(RemoteAddress.Redacted(address))).Message;
                throw new WharfException(ErrorKind.Unavailable, request.Classic ? problem : $"failed to load cache key: {problem}", error);
            }
        }
        var agent = address.StartsWith("http", StringComparison.Ordinal) || address.StartsWith("git://", StringComparison.Ordinal) ? null : await request.SshAgents("default", cancellation);
        var commit = await GitSource.Parse(address).CheckOutAsync(directory, keepGitDirectory, agent, cancellation);
        if (checksum is { Length: > 0 } && !commit.Id.StartsWith(checksum, StringComparison.OrdinalIgnoreCase)) throw WharfException.Invalid($"expected checksum to match {checksum}, got {commit.Id}");
        return commit.Time;
    }

    /// <summary>The server's time of a file that was fetched; null when it told none.</summary>
    internal static DateTimeOffset? Changed(string file) => File.GetLastWriteTimeUtc(file) is var time && time != DateTime.UnixEpoch ? time : null;

    /// <summary>Fetches an address into a directory under its last part as the name, with docker's mode 0600 and the server's time.</summary>
    public static async Task<string> FetchAsync(string address, string? checksum, string directory, CancellationToken cancellation)
    {
        var uri = new Uri(address);
        var name = Path.GetFileName(uri.AbsolutePath);
        if (name.Length == 0) throw WharfException.Invalid($"cannot determine filename from url: {RemoteAddress.Redacted(address)}");
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, name);
        using var client = new HttpClient();
        using var response = await client.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!response.IsSuccessStatusCode) throw WharfException.Invalid($"failed to load {RemoteAddress.Redacted(address)}: invalid response status {(int)response.StatusCode}");
        await using (var file = new FileStream(path, new FileStreamOptions { Mode = System.IO.FileMode.Create, Access = FileAccess.ReadWrite, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            await response.Content.CopyToAsync(file, cancellation);
            file.Position = 0;
            var digest = "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
            if (checksum is { Length: > 0 } && checksum != digest) throw WharfException.Invalid($"digest mismatch {digest}: {checksum}");
        }
        File.SetLastWriteTimeUtc(path, (response.Content.Headers.LastModified ?? DateTimeOffset.UnixEpoch).UtcDateTime);
        return path;
    }
}
