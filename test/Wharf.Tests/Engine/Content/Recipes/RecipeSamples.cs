using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.Engine.Content.Recipes;

namespace Wharf.Tests.Engine.Content.Recipes;

/// <summary>Plain data the same on every machine, and recipes in memory.</summary>
internal static class RecipeSamples
{
    private const int Length = 150_000;

    /// <summary>Words with numbers and noise between them.</summary>
    public static byte[] Text()
    {
        uint state = 12345;
        int Next()
        {
            state = state * 1103515245 + 12345 & 0x7fffffff;
            return (int)(state >> 8);
        }
        var words = new List<byte[]>();
        for (int i = 0; i < 600; i++)
        {
            var word = new byte[2 + Next() % 9];
            for (int at = 0; at < word.Length; at++) word[at] = (byte)(97 + Next() % 26);
            words.Add(word);
        }
        var text = new List<byte>();
        while (text.Count < Length)
        {
            int kind = Next() % 100;
            if (kind < 90) text.AddRange([.. words[(int)((long)(Next() % 600) * (Next() % 600) / 600)], (byte)' ']);
            else if (kind < 97) text.AddRange(Encoding.ASCII.GetBytes(Next() + "\n"));
            else for (int count = Next() % 60; count > 0; count--) text.Add((byte)Next());
        }
        return [.. text.Take(Length)];
    }

    public static byte[] Write(byte[] archive, byte[] plain)
    {
        using var recipe = new MemoryStream();
        LayerRecipe.Write(() => new MemoryStream(archive), recipe, CancellationToken.None).ShouldBe(SHA256.HashData(plain));
        return recipe.ToArray();
    }

    public static async Task<byte[]> RebuildAsync(byte[] recipe, byte[] plain)
    {
        using var output = new MemoryStream();
        await LayerRecipe.RebuildAsync(new MemoryStream(recipe), new MemoryStream(plain), output, CancellationToken.None);
        return output.ToArray();
    }
}
