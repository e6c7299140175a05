using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace Wharf.SystemTests.Build.Corpus;

/// <summary>The context that all Dockerfiles of the corpus are built with; the same bytes and times always.</summary>
internal static class CorpusContext
{
    private static readonly DateTimeOffset Time = DateTimeOffset.FromUnixTimeSeconds(1_600_000_000);

    public static void Write(string root)
    {
        Directory.CreateDirectory(Path.Combine(root, "dir/sub"));
        Directory.CreateDirectory(Path.Combine(root, "links"));
        File(root, "a.txt", "a\n", 0b110_100_100);
        File(root, "b.txt", "bb\n", 0b110_000_000);
        File(root, "with space.txt", "sp\n", 0b110_100_100);
        File(root, "dir/one.c", "1\n", 0b110_100_100);
        File(root, "dir/x.c", "x\n", 0b111_101_101);
        File(root, "dir/sub/deep.txt", "deep\n", 0b110_100_100);
        System.IO.File.SetUnixFileMode(Path.Combine(root, "dir/sub"), (UnixFileMode)0b111_101_000);
        System.IO.File.CreateSymbolicLink(Path.Combine(root, "links/tofile"), "../a.txt");
        System.IO.File.CreateSymbolicLink(Path.Combine(root, "links/todir"), "../dir");
        System.IO.File.CreateSymbolicLink(Path.Combine(root, "links/broken"), "/nowhere");
        System.IO.File.WriteAllBytes(Path.Combine(root, "arch.tar.gz"), Archive());
        foreach (var path in Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length))
            if (new FileInfo(path).LinkTarget is null) SetTime(path);
    }

    private static void SetTime(string path)
    {
        if (Directory.Exists(path)) Directory.SetLastWriteTimeUtc(path, Time.UtcDateTime);
        else System.IO.File.SetLastWriteTimeUtc(path, Time.UtcDateTime);
    }

    private static void File(string root, string name, string text, int mode)
    {
        var path = Path.Combine(root, name);
        System.IO.File.WriteAllText(path, text);
        System.IO.File.SetUnixFileMode(path, (UnixFileMode)mode);
    }

    private static byte[] Archive()
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Ustar))
        {
            foreach (var (name, text, mode) in new[] { ("ta", "ta\n", 0b110_100_000), ("td/tb", "tb\n", 0b111_101_101) })
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Uid = 7, Gid = 8, Mode = (UnixFileMode)mode, ModificationTime = DateTimeOffset.FromUnixTimeSeconds(1_000_000_000), DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) });
        }
        return bytes.ToArray();
    }
}
