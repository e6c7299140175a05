using System.IO.Compression;
using System.Text;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Maven's names of what a jar holds: <c>META-INF/maven/*/pom.properties</c>, also of jars within it.</summary>
internal static class JavaArchive
{
    private const int MaxDepth = 3, MaxProperties = 64 << 10;

    public static IEnumerable<Package> Packages(byte[] file)
    {
        var packages = new List<Package>();
        long left = PackageFiles.MaxDatabase;
        Read(new MemoryStream(file, writable: false), packages, 0, ref left);
        return packages;
    }

    private static void Read(Stream stream, List<Package> packages, int depth, ref long left)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Read);
        foreach (var entry in zip.Entries)
        {
            if (entry.Name == "pom.properties" && entry.FullName.StartsWith("META-INF/maven/", StringComparison.Ordinal) && entry.Length <= MaxProperties) Maven(Encoding.UTF8.GetString(Bytes(entry, ref left)), packages);
            else if (entry.Name.EndsWith(".jar", StringComparison.Ordinal) && depth < MaxDepth && entry.Length <= PackageFiles.MaxFile) Read(new MemoryStream(Bytes(entry, ref left), writable: false), packages, depth + 1, ref left);
        }
    }

    /// <summary>An entry unpacks to no more than it says, and all together to no more than a bound.</summary>
    private static byte[] Bytes(ZipArchiveEntry entry, ref long left)
    {
        if ((left -= entry.Length) < 0) throw new InvalidDataException("the archives in it unpack to too much");
        var bytes = new byte[entry.Length];
        using var content = entry.Open();
        int length = content.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length == bytes.Length ? bytes : bytes[..length];
    }

    private static void Maven(string text, List<Package> packages)
    {
        string? group = null, artifact = null, version = null;
        foreach (var pair in text.Split('\n').Select(static line => line.Split('=', 2)).Where(static pair => pair.Length == 2))
            switch (pair[0].Trim())
            {
                case "groupId": group = pair[1].Trim(); break;
                case "artifactId": artifact = pair[1].Trim(); break;
                case "version": version = pair[1].Trim(); break;
            }
        if (group is not null && artifact is not null && version is not null) packages.Add(Package.Of(PackageKind.Maven, $"{group}:{artifact}", version));
    }
}
