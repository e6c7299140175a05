using System.Globalization;

namespace Wharf.Benchmarks;

/// <summary>Runs cases on all engines in turn and prints one table; the first engine is ours.</summary>
public sealed class Report : IDisposable
{
    private readonly Dictionary<EngineClient, string?> _marks = [];
    private readonly List<(string Case, string Unit, Dictionary<EngineClient, Sample> Samples)> _rows = [];

    public Report(IEnumerable<(string Name, string Host, string? Mark)> engines)
    {
        foreach (var (name, host, mark) in engines) _marks[new EngineClient(name, host)] = mark;
    }

    public IReadOnlyList<EngineClient> Engines => [.. _marks.Keys];

    /// <summary>Rounds go A B, B A, A B …, so that what else the machine does falls on all alike. The first round warms up.</summary>
    public void Case(string name, int rounds, Func<EngineClient, IEnumerable<(string Part, double Milliseconds)>> body)
    {
        var parts = new Dictionary<string, Dictionary<EngineClient, Sample>>();
        for (int round = -1; round < rounds; round++)
        {
            foreach (var engine in round % 2 == 0 ? Engines : Engines.Reverse())
            {
                foreach (var (part, milliseconds) in body(engine))
                {
                    if (round < 0) continue;
                    if (!parts.TryGetValue(part, out var samples)) parts[part] = samples = Engines.ToDictionary(key => key, _ => new Sample());
                    samples[engine].Add(milliseconds);
                }
            }
        }
        foreach (var (part, samples) in parts)
        {
            _rows.Add((part == "" ? name : $"{name}: {part}", "ms", samples));
            Console.Error.WriteLine(Row(_rows[^1]));
        }
    }

    /// <summary>Memory of idle engines. Idle means that nothing was asked for a while: each has had time to let go of what the work needed.</summary>
    public void Memory(string name)
    {
        Thread.Sleep(TimeSpan.FromSeconds(5));
        Value(name + " (PSS)", "MiB", static (engine, mark) => Benchmarks.Memory.PssMiB(engine.Host, mark));
    }

    /// <summary>One figure of each engine.</summary>
    public void Value(string name, string unit, Func<EngineClient, string?, double> body) => _rows.Add((name, unit, Engines.ToDictionary(engine => engine, engine =>
    {
        var sample = new Sample();
        sample.Add(body(engine, _marks[engine]));
        return sample;
    })));

    /// <summary>Runs <paramref name="body"/> with one container running in each engine.</summary>
    public void WithSleepers(Func<EngineClient, string> start, Action<Dictionary<EngineClient, string>> body)
    {
        var sleepers = Engines.ToDictionary(engine => engine, start);
        try { body(sleepers); }
        finally { foreach (var (engine, id) in sleepers) Cases.Remove(engine, id); }
    }

    public void Print()
    {
        var first = Engines[0];
        Console.WriteLine($"{DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} CPUs, kernel {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}; median (least), ratio = peer / {first.Name}");
        Console.WriteLine($"| case | {string.Join(" | ", Engines.Select(engine => engine.Name))} | {string.Join(" | ", Engines.Skip(1).Select(engine => $"{engine.Name} / {first.Name}"))} | n |");
        Console.WriteLine("|---" + string.Concat(Enumerable.Repeat("|---", Engines.Count * 2)) + "|");
        foreach (var row in _rows) Console.WriteLine(Row(row));
    }

    private string Row((string Case, string Unit, Dictionary<EngineClient, Sample> Samples) row)
    {
        var first = Engines[0];
        var (name, unit, samples) = row;
        var cells = Engines.Select(engine => string.Create(CultureInfo.InvariantCulture, $"{samples[engine].Median:0.0#} {unit} ({samples[engine].Least:0.0#})"));
        var ratios = Engines.Skip(1).Select(engine => string.Create(CultureInfo.InvariantCulture, $"{samples[engine].Median / samples[first].Median:0.0}×"));
        return $"| {name} | {string.Join(" | ", cells)} | {string.Join(" | ", ratios)} | {samples[first].Count} |";
    }

    public void Dispose()
    {
        foreach (var engine in Engines) engine.Dispose();
    }
}
