using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Runtime.Cgroups;

namespace Wharf.Runtime.Shim;

/// <summary>What a later shim must know of a container of this one.</summary>
internal sealed record ShimRecord
{
    public string Id { get; set; } = "";
    /// <summary>0 while it is being launched.</summary>
    public int Pid { get; set; }
    public CgroupPlace Cgroup { get; set; } = new("/");
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset? ExitedAt { get; set; }
    public int ExitCode { get; set; }
    public bool OomKilled { get; set; }
    public string? Error { get; set; }
    /// <summary>Another runtime that keeps state of it, to be told when it is forgotten.</summary>
    public Init.ForeignRuntime? Runtime { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ShimRecord))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class RecordJson : JsonSerializerContext;

/// <summary>One small file for each container under the shim's directory, which is on tmpfs: it lives as long as processes can.</summary>
internal sealed class ShimRecords
{
    private readonly string _directory;

    public ShimRecords(string root)
    {
        _directory = Path.Combine(root, "containers");
        Directory.CreateDirectory(_directory);
    }

    public void Save(ShimRecord record)
    {
        var path = PathOf(record.Id);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(record, RecordJson.Default.ShimRecord));
        File.Move(path + ".new", path, overwrite: true);
    }

    public void Remove(string id) => File.Delete(PathOf(id));

    public IEnumerable<ShimRecord> Load()
    {
        foreach (var file in Directory.GetFiles(_directory))
        {
            if (file.EndsWith(".new", StringComparison.Ordinal))
            {
                File.Delete(file); // a save that was cut off: the former record is still whole
                continue;
            }
            if (JsonSerializer.Deserialize(File.ReadAllBytes(file), RecordJson.Default.ShimRecord) is { } record) yield return record;
        }
    }

    private string PathOf(string id) => Path.Combine(_directory, id);
}
