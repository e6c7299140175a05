using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Numbers from zero on, small ones cheap: how many bits there are, the highest of them, and the rest as it is.</summary>
internal sealed class NumberModel
{
    private const int Modelled = 3;

    private readonly BitTree _width = new(5);
    private readonly ushort[] _bits = BitTree.Probabilities(32 << Modelled);

    public int Code<T>(T coder, int number) where T : struct, IBitCoder
    {
        uint value = (uint)number + 1;
        int width = _width.Code(coder, BitOperations.Log2(value));
        if (width > 30) throw new InvalidDataException("the recipe is damaged: too large a number");
        uint read = 1;
        for (int left = width; left > 0; left--)
        {
            if (width - left == Modelled) return (int)((read << left | coder.Bits(value & (1u << left) - 1, left)) - 1);
            read = read << 1 | (uint)coder.Bit(ref _bits[width << Modelled | (int)read & (1 << Modelled) - 1], (int)(value >> left - 1) & 1);
        }
        return (int)read - 1;
    }
}
