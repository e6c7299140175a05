using System.Buffers.Binary;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>A directory's names in blocks: in each the entries, then their names; sorted by bytes over all blocks, for the kernel looks for a name by halves.</summary>
internal static class ErofsDirectory
{
    /// <summary>All entries with <c>.</c> and <c>..</c>, which are sorted among the others.</summary>
    public static IEnumerable<(byte[] Name, ErofsNode Node)> Entries(ErofsNode node)
    {
        (byte[] Name, ErofsNode Node)[] dots = [("."u8.ToArray(), node), (".."u8.ToArray(), node.Place!.Parent)];
        int next = 0;
        foreach (var child in node.Children)
        {
            while (next < dots.Length && child.Name.AsSpan().SequenceCompareTo(dots[next].Name) > 0) yield return dots[next++];
            yield return child;
        }
        while (next < dots.Length) yield return dots[next++];
    }

    /// <summary>Gives each block in turn, the last one as long as it is.</summary>
    public static void Write(ErofsNode node, ErofsPlan plan, Action<ReadOnlySpan<byte>> write)
    {
        var entries = new List<(byte[] Name, ErofsNode Node)>();
        int used = 0;
        foreach (var entry in Entries(node))
        {
            if (used + Dirent + entry.Name.Length > Block)
            {
                WriteBlock(entries, plan, Block, write);
                entries.Clear();
                used = 0;
            }
            entries.Add(entry);
            used += Dirent + entry.Name.Length;
        }
        WriteBlock(entries, plan, used, write);
    }

    private static void WriteBlock(List<(byte[] Name, ErofsNode Node)> entries, ErofsPlan plan, int size, Action<ReadOnlySpan<byte>> write)
    {
        Span<byte> block = stackalloc byte[Block];
        block.Clear();
        int at = 0, name = entries.Count * Dirent;
        foreach (var entry in entries)
        {
            BinaryPrimitives.WriteInt64LittleEndian(block[at..], plan.InodeNumber(entry.Node));
            BinaryPrimitives.WriteUInt16LittleEndian(block[(at + 8)..], (ushort)name);
            block[at + 10] = FileType(entry.Node.Mode);
            entry.Name.CopyTo(block[name..]);
            (at, name) = (at + Dirent, name + entry.Name.Length);
        }
        write(block[..size]);
    }
}
