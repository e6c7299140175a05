using System.Diagnostics;
using System.Formats.Tar;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Images;

/// <summary>Directory trees and tars to make images of.</summary>
internal static class TestTrees
{
    /// <summary>A tar of a few files; the name makes it another than all others.</summary>
    public static byte[] Small(string name, int bytes = 0)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "etc/") { ModificationTime = DateTimeOffset.UnixEpoch });
            tar.WriteEntry(File("etc/name", System.Text.Encoding.UTF8.GetBytes(name)));
            if (bytes > 0) tar.WriteEntry(File("data", Noise(bytes, name.Length)));
        }
        return stream.ToArray();
    }

    public static PaxTarEntry File(string name, byte[] content) => new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content), ModificationTime = DateTimeOffset.UnixEpoch };

    /// <summary>Bytes that do not compress, the same each time.</summary>
    public static byte[] Noise(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>
    /// A tree with everything a layer can hold: attributes, capabilities, devices, FIFOs, hard and symbolic links, long and odd names, large numbers, sparse
    /// files, times before 1970, set-ID bits; and some hundred plain files.
    /// </summary>
    public static async Task WriteAsync(string root)
    {
        Directory.CreateDirectory(root);
        const string Script = """
            set -e
            mkdir -p usr/bin usr/lib "name with blanks" sub/deep dev empty
            for i in $(seq 300); do printf 'file %s\n' $i > usr/lib/f$i; chmod $((i % 2 ? 644 : 600)) usr/lib/f$i; chown $i:$((i * 7)) usr/lib/f$i; done
            head -c 3000000 /dev/urandom > usr/lib/big
            cp /bin/busybox usr/bin/busybox; chmod 4755 usr/bin/busybox
            ln usr/bin/busybox usr/bin/hard; ln -s busybox usr/bin/soft; ln -s /nowhere/at/all dangling
            mknod dev/null c 1 3; mknod dev/loop b 7 0; mkfifo dev/pipe
            printf x > "name with blanks/ü€ 'quotes\" and \\"
            n=$(printf 'n%.0s' $(seq 100)); mkdir -p "$n/$n/$n"; printf long > "$n/$n/$n/file-$n"
            truncate -s 20M sub/sparse; printf end | dd of=sub/sparse bs=1 seek=10000000 conv=notrunc 2>/dev/null
            setfattr -n user.test -v value usr/lib/f1
            setcap cap_net_raw+ep usr/bin/hard || setfattr -n security.capability -v 0sAQAAAgAgAAAAAAAAAAAAAAAAAAA= usr/bin/busybox
            chown 100000:4000000000 usr/lib/f2
            chmod 2755 sub; chmod 1777 empty
            find . -depth -print0 | xargs -0 touch -h -d '2001-02-03 04:05:06'
            touch -h -d '1965-01-01' usr/lib/f3
            touch -d '2001-02-03 04:05:06' usr usr/lib .
            """;
        (await CommandResult.RunAsync("sh", ["-c", $"cd '{root}' && {Script}"])).ShouldExit(0);
    }

    /// <summary>GNU tar's archive of a tree, attributes included.</summary>
    public static async Task<string> PackAsync(string root, string path)
    {
        (await CommandResult.RunAsync("tar", ["--format=pax", "--pax-option=delete=atime,delete=ctime", "--xattrs", "--xattrs-include=*", "--sparse", "--numeric-owner", "--sort=name", "-C", root, "-cf", path, "."])).ShouldExit(0);
        return path;
    }

    /// <summary>Unpacks with GNU tar.</summary>
    public static async Task<string> UnpackAsync(string tar, string directory)
    {
        Directory.CreateDirectory(directory);
        (await CommandResult.RunAsync("tar", ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-p", "-C", directory, "-xf", tar])).ShouldExit(0);
        return directory;
    }

    /// <summary>What rsync would have to change to make one tree the other: content, modes, owners, attributes, links, times. Empty when they are equal.</summary>
    public static async Task<string> DifferencesAsync(string first, string second, params string[] without)
    {
        var excludes = without.Select(name => "--exclude=" + name);
        var result = (await CommandResult.RunAsync("rsync", ["-naXAHi", "--checksum", "--numeric-ids", "--delete", "--specials", "--devices", .. excludes, first + "/", second + "/"], seconds: 240)).ShouldExit(0);
        return result.Text;
    }
}
