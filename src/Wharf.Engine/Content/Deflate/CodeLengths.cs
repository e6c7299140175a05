namespace Wharf.Engine.Content.Deflate;

/// <summary>How many bits the code of each symbol should have (Huffman 1952), none more than allowed.</summary>
internal static class CodeLengths
{
    private const int SymbolBits = 16;

    /// <summary>Of two or more symbols in use the codes are complete. A symbol without use has 0.</summary>
    public static void Make(ReadOnlySpan<int> uses, int mostBits, Span<byte> lengths)
    {
        lengths.Clear();
        Span<long> leaves = stackalloc long[uses.Length];
        int count = 0;
        for (int symbol = 0; symbol < uses.Length; symbol++) if (uses[symbol] > 0) leaves[count++] = (long)uses[symbol] << SymbolBits | (uint)symbol;
        leaves = leaves[..count];
        leaves.Sort();
        Span<int> having = stackalloc int[mostBits + 1];
        having.Clear();
        if (count == 1) having[1] = 1;
        else if (count > 1)
        {
            CountDepths(leaves, having);
            Shorten(having);
        }
        // The rarest have the longest.
        for (int bits = mostBits, next = 0; bits > 0; bits--)
            for (int k = having[bits]; k > 0; k--) lengths[(int)(leaves[next++] & (1 << SymbolBits) - 1)] = (byte)bits;
    }

    /// <summary>Makes one of the two rarest, again and again, and counts how deep the leaves come to lie; those too deep as the deepest allowed.</summary>
    private static void CountDepths(ReadOnlySpan<long> leaves, Span<int> having)
    {
        int count = leaves.Length, leaf = 0, inner = 0;
        // The inner nodes come about by weight, so both kinds are queues; in the tree they follow the leaves.
        Span<long> weights = stackalloc long[count];
        Span<int> parents = stackalloc int[2 * count], depths = stackalloc int[2 * count];
        for (int made = 0; made < count - 1; made++)
        {
            weights[made] = 0;
            for (int k = 0; k < 2; k++)
            {
                bool isLeaf = inner == made || leaf < count && leaves[leaf] >> SymbolBits <= weights[inner];
                weights[made] += isLeaf ? leaves[leaf] >> SymbolBits : weights[inner];
                parents[isLeaf ? leaf++ : count + inner++] = count + made;
            }
        }
        int root = 2 * count - 2;
        depths[root] = 0;
        for (int node = root - 1; node >= 0; node--)
        {
            depths[node] = depths[parents[node]] + 1;
            if (node < count) having[Math.Min(depths[node], having.Length - 1)]++;
        }
    }

    /// <summary>Those that were cut take more room than there is (Kraft 1949): a shorter code makes way, becomes two, and one of the deepest is the second.</summary>
    private static void Shorten(Span<int> having)
    {
        int most = having.Length - 1, taken = 0;
        for (int bits = 1; bits <= most; bits++) taken += having[bits] << most - bits;
        for (; taken > 1 << most; taken--)
        {
            int bits = most - 1;
            while (having[bits] == 0) bits--;
            having[bits]--;
            having[bits + 1] += 2;
            having[most]--;
        }
    }
}
