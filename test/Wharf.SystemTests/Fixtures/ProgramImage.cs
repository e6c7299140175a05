using System.Formats.Tar;

namespace Wharf.SystemTests.Fixtures;

/// <summary>The root file system of an image that runs programs of this machine: busybox, the programs, and every library they load (as ldd(1) lists them).</summary>
public static class ProgramImage
{
    public static async Task<byte[]> TarAsync(params string[] programs)
    {
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var program in programs)
        {
            files.Add(program);
            var list = (await CommandResult.RunAsync("ldd", [program])).ShouldExit(0).Out;
            foreach (var word in list.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries))
                if (word.StartsWith('/')) files.Add(word);
        }
        using var stream = new MemoryStream();
        await stream.WriteAsync(BusyboxImage.Tar());
        stream.SetLength(stream.Length - 1024); // without its end, so that more may follow
        stream.Position = stream.Length;
        await using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var file in files)
            {
                await using var data = File.OpenRead(file);
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, file[1..]) { Mode = (UnixFileMode)0b111_101_101, DataStream = data });
            }
        }
        return stream.ToArray();
    }
}
