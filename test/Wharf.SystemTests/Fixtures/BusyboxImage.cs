using System.Diagnostics;
using System.Formats.Tar;

namespace Wharf.SystemTests.Fixtures;

/// <summary>The root file system of a small image, from Debian's busybox-static.</summary>
public static class BusyboxImage
{
    public static byte[] Tar()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var name in (ReadOnlySpan<string>)["bin/", "etc/", "dev/", "proc/", "sys/", "root/", "home/", "var/", "usr/", "usr/bin/"]) Directory(tar, name, 0b111_101_101);
            Directory(tar, "tmp/", (int)UnixFileMode.StickyBit | 0b111_111_111);
            File(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"u8.ToArray(), 0b110_100_100);
            File(tar, "etc/group", "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nstaff:x:50:www-data\nnogroup:x:65534:\n"u8.ToArray(), 0b110_100_100);
            File(tar, "bin/busybox", System.IO.File.ReadAllBytes("/bin/busybox"), 0b111_101_101);
            foreach (var applet in Applets()) tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "bin/" + applet) { LinkName = "busybox" });
        }
        return stream.ToArray();
    }

    private static IEnumerable<string> Applets()
    {
        using var list = Process.Start(new ProcessStartInfo("/bin/busybox", "--list") { RedirectStandardOutput = true })!;
        return list.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(name => name != "busybox");
    }

    private static void Directory(TarWriter tar, string name, int mode) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, name) { Mode = (UnixFileMode)mode });

    private static void File(TarWriter tar, string name, byte[] content, int mode) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)mode, DataStream = new MemoryStream(content) });
}
