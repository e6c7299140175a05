namespace Wharf.Benchmarks;

/// <summary>Times of one case on one engine, in milliseconds.</summary>
public sealed class Sample
{
    private readonly List<double> _values = [];

    public void Add(double milliseconds) => _values.Add(milliseconds);
    public int Count => _values.Count;
    public double Median => At(0.5);
    public double Least => _values.Min();
    public double At(double quantile)
    {
        var sorted = _values.Order().ToList();
        return sorted[(int)Math.Min(sorted.Count - 1, quantile * sorted.Count)];
    }
}
