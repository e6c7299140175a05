using System.Globalization;

namespace Wharf.Runtime.Cgroups.Stats;

/// <summary>Formats that both versions' statistics have in common.</summary>
internal static class StatsText
{
    public static PidsStats Pids(string directory) => new()
    {
        Current = CgroupFile.Number(directory + "/pids.current") ?? 0,
        Limit = CgroupFile.Number(directory + "/pids.max") is { } limit and not ulong.MaxValue ? limit : 0,
    };

    /// <summary>A list of processors or nodes, <c>0-3,8</c>.</summary>
    public static List<int>? List(string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        var numbers = new List<int>();
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            int last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            for (int number = int.Parse(ends[0], CultureInfo.InvariantCulture); number <= last; number++) numbers.Add(number);
        }
        return numbers;
    }

    /// <summary>Lines of <c>major:minor [operation] value</c>; null for none, and the line of the sum left out.</summary>
    public static List<BlkioEntry>? Blkio(string? text)
    {
        var entries = new List<BlkioEntry>();
        foreach (var line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split([':', ' '], StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length is not (3 or 4) || !ulong.TryParse(parts[0], CultureInfo.InvariantCulture, out ulong major) || !ulong.TryParse(parts[1], CultureInfo.InvariantCulture, out ulong minor)) continue;
            if (ulong.TryParse(parts[^1], CultureInfo.InvariantCulture, out ulong value)) entries.Add(new BlkioEntry { Major = major, Minor = minor, Op = parts.Length == 4 ? parts[2] : null, Value = value });
        }
        return entries.Count > 0 ? entries : null;
    }

    /// <summary>Lines <c>some avg10=0.00 avg60=0.00 avg300=0.00 total=0</c> and <c>full …</c>; null where the kernel does not account it.</summary>
    public static PressureStats? Pressure(string? text)
    {
        if (text is null) return null;
        var result = new PressureStats();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ').Skip(1).Select(field => field.Split('=')).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
            double Average(string name) => double.Parse(fields.GetValueOrDefault(name, "0"), CultureInfo.InvariantCulture);
            var pressure = new Pressure { Average10 = Average("avg10"), Average60 = Average("avg60"), Average300 = Average("avg300"), Total = ulong.Parse(fields.GetValueOrDefault("total", "0"), CultureInfo.InvariantCulture) };
            result = line.StartsWith("some", StringComparison.Ordinal) ? result with { Some = pressure } : result with { Full = pressure };
        }
        return result;
    }

    /// <summary>Sizes of huge pages as cgroups name them: <c>64KB</c>, <c>2MB</c>, <c>1GB</c>.</summary>
    public static IEnumerable<string> HugepageSizes()
    {
        const string Root = "/sys/kernel/mm/hugepages", Prefix = "hugepages-", Suffix = "kB";
        if (!Directory.Exists(Root)) yield break;
        foreach (var directory in Directory.GetDirectories(Root).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(directory);
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || !long.TryParse(name[Prefix.Length..^Suffix.Length], CultureInfo.InvariantCulture, out long kilobytes)) continue;
            yield return kilobytes >= 1 << 20 ? $"{kilobytes >> 20}GB" : kilobytes >= 1 << 10 ? $"{kilobytes >> 10}MB" : $"{kilobytes}KB";
        }
    }
}
