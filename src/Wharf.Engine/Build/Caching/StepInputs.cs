using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.Engine.Build.Caching;

/// <summary>One thing that a step's result depends on. The mark stands for its value, which may be somebody's secret and is not kept.</summary>
/// <param name="Kind"><c>instruction</c>, <c>variable</c>, <c>below</c>, <c>from</c> or <c>file</c>.</param>
public readonly record struct StepInput(string Kind, string Name, ulong Mark)
{
    public static ulong MarkOf(string value) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(value)));
}

/// <summary>All that a step's result depends on, kept so that the next build can say what changed.</summary>
public sealed class StepInputs(string title)
{
    private const int MaxKept = 200_000, MaxNamed = 5;

    public string Title { get; } = title;
    public List<StepInput> Inputs { get; } = [];

    public void Add(string kind, string name, string value) => Inputs.Add(new StepInput(kind, name, StepInput.MarkOf(value)));

    public byte[] Serialize()
    {
        using var bytes = new MemoryStream();
        using (var packed = new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var text = new StreamWriter(packed))
        {
            text.Write(Uri.EscapeDataString(Title) + "\n");
            foreach (var (kind, name, mark) in Inputs.Take(MaxKept)) text.Write(string.Create(CultureInfo.InvariantCulture, $"{kind} {mark:x16} {name.Replace("%", "%25", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal)}\n"));
        }
        return bytes.ToArray();
    }

    public static StepInputs Deserialize(byte[] bytes)
    {
        using var text = new StreamReader(new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress));
        var inputs = new StepInputs(Uri.UnescapeDataString(text.ReadLine() ?? ""));
        while (text.ReadLine() is { } line)
            if (line.Split(' ', 3) is [var kind, var mark, var name] && ulong.TryParse(mark, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)) inputs.Inputs.Add(new StepInput(kind, Uri.UnescapeDataString(name), value));
        return inputs;
    }

    /// <summary>What is not as it was, in sentences; empty when all is the same.</summary>
    public List<string> ChangesSince(StepInputs before)
    {
        var reasons = new List<string>();
        var was = before.Inputs.GroupBy(static input => (input.Kind, input.Name)).ToDictionary(static group => group.Key, static group => group.First().Mark);
        var isNow = Inputs.GroupBy(static input => (input.Kind, input.Name)).ToDictionary(static group => group.Key, static group => group.First().Mark);
        if (before.Title != Title) reasons.Add($"the instruction changed: it was \"{before.Title}\"");
        var changed = isNow.Where(input => was.TryGetValue(input.Key, out ulong mark) && mark != input.Value).Select(static input => input.Key).ToList();
        var added = isNow.Keys.Where(input => !was.ContainsKey(input)).ToList();
        var gone = was.Keys.Where(input => !isNow.ContainsKey(input)).ToList();
        if (changed.Exists(static input => input.Kind == "below")) reasons.Add("the step it stands on gave another result");
        if (changed.Exists(static input => input.Kind == "instruction") && before.Title == Title) reasons.Add("what surrounds the instruction changed: its user, directory, shell, network, or text hidden in its title");
        Tell("from", "the result of", "changed"); // another stage or image
        Tell("variable", "variable", "changed");
        Tell("file", "file", "changed");
        return reasons;

        void Tell(string kind, string what, string verb)
        {
            Name(changed, verb);
            Name(added, kind == "file" ? "was added" : "is new");
            Name(gone, kind == "file" ? "was removed" : "is gone");

            void Name(List<(string Kind, string Name)> among, string happened)
            {
                var names = among.Where(input => input.Kind == kind).Select(static input => input.Name).Order(StringComparer.Ordinal).ToList();
                foreach (var name in names.Take(MaxNamed)) reasons.Add($"{what} {name} {happened}");
                if (names.Count > MaxNamed) reasons.Add($"… and {names.Count - MaxNamed} more of the kind \"{what} … {happened}\"");
            }
        }
    }
}
