using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Contexts;

/// <summary>Farms: names for several contexts together. In a file of their own beside config.json, which docker writes anew without what it does not know.</summary>
internal sealed class FarmStore(string configDirectory)
{
    private string FilePath => Path.Combine(configDirectory, "wharf", "farms.json");

    public FarmDocument Read()
    {
        if (!File.Exists(FilePath)) return new FarmDocument();
        try { return JsonSerializer.Deserialize(File.ReadAllBytes(FilePath), FarmJson.Default.FarmDocument) ?? new FarmDocument(); }
        catch (JsonException e) { throw new CliException($"parsing {FilePath}: {e.Message}", 1, e); }
    }

    /// <summary>Replaces the file in one step.</summary>
    public void Save(FarmDocument farms)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        var temporary = $"{FilePath}.{Environment.ProcessId}";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(farms, FarmJson.Default.FarmDocument));
        File.Move(temporary, FilePath, overwrite: true);
    }
}

/// <summary>All farms: the names of their contexts, and which one is meant when none is named.</summary>
internal sealed record FarmDocument
{
    public string Default { get; set; } = "";
    public SortedDictionary<string, List<string>> Farms { get; set; } = new(StringComparer.Ordinal);

    public List<string> Get(string name) => Farms.TryGetValue(name, out var connections) ? connections : throw new CliException($"farm {Quoting.Quote(name)} not found");
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, WriteIndented = true)]
[JsonSerializable(typeof(FarmDocument))]
internal sealed partial class FarmJson : JsonSerializerContext;
