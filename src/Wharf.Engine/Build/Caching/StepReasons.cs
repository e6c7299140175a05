using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Caching;

/// <summary>What became of a step: taken from the cache or made, under which key, of which inputs.</summary>
internal sealed record StepFate(string Key, bool Cached, StepInputs Inputs);

/// <summary>
/// Why steps were done again: of each step of each build that has a name (a directory, an image) it keeps what the last result depended on, and tells
/// the difference. In the database are marks of values, never the values.
/// </summary>
public sealed class StepReasons
{
    private const int MaxReports = 64, MaxPlaces = 4000;

    private readonly StateStore _state;
    private readonly ConcurrentDictionary<string, string> _keys = new(StringComparer.Ordinal);

    public StepReasons(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists build_inputs(place text primary key, key text not null, at integer not null, inputs blob not null) without rowid, strict;
            create table if not exists build_report(name text primary key, at integer not null, report text not null) without rowid, strict;
            """);
    }

    /// <summary>The report of the build that ended last; null when there was none.</summary>
    public BuildReport? Last() => _state.Query("select report from build_report order by at desc limit 1", static row => row.GetString(0)) is [var text] ? JsonSerializer.Deserialize(text, WharfJson.Default.BuildReport) : null;

    /// <summary>Writes down how a build went.</summary>
    internal void Write(BuildRequest request, BuildPlan plan, IReadOnlyDictionary<BuildNode, StepFate> fates)
    {
        var now = DateTimeOffset.UtcNow;
        var report = new BuildReport { Name = request.Name, Dockerfile = request.DockerfileName, At = now };
        var renewed = new List<(string Place, StepFate Fate)>();
        foreach (var stage in plan.Stages)
        {
            for (int i = 0; i < stage.Steps.Count; i++)
            {
                var step = stage.Steps[i];
                if (step.Node is not { } node) continue;
                var told = new BuildReportStep { Number = step.Number, Stage = stage.Label, Title = node.Title };
                report.Steps.Add(told);
                if (!fates.TryGetValue(node, out var fate))
                {
                    told.Reasons.Add("the build ended before it came to this step");
                    continue;
                }
                told.Cached = fate.Cached;
                var place = Place(request, stage, i);
                var before = KeyOf(place);
                if (!fate.Cached) told.Reasons.AddRange(Reasons(node, place, before, fate));
                if (before != fate.Key) renewed.Add((place, fate));
            }
        }
        _state.Write((connection, transaction) =>
        {
            foreach (var (place, fate) in renewed)
            {
                using var command = StateStore.Prepare(connection, "insert into build_inputs values($1, $2, $3, $4) on conflict(place) do update set key = excluded.key, at = excluded.at, inputs = excluded.inputs",
                    [place, fate.Key, now.Ticks, fate.Inputs.Serialize()], transaction);
                command.ExecuteNonQuery();
            }
            using var reports = StateStore.Prepare(connection, "insert into build_report values($1, $2, $3) on conflict(name) do update set at = excluded.at, report = excluded.report",
                [request.Name, now.Ticks, JsonSerializer.Serialize(report, WharfJson.Default.BuildReport)], transaction);
            reports.ExecuteNonQuery();
            if (renewed.Count == 0) return 0;
            using var old = StateStore.Prepare(connection, string.Create(CultureInfo.InvariantCulture, $"""
                delete from build_inputs where place not in (select place from build_inputs order by at desc limit {MaxPlaces});
                delete from build_report where name not in (select name from build_report order by at desc limit {MaxReports});
                """), [], transaction);
            return old.ExecuteNonQuery();
        });
        foreach (var (place, fate) in renewed) _keys[place] = fate.Key;
    }

    private static string Place(BuildRequest request, PlannedStage stage, int step) =>
        Digest.OfBytes(System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{request.Name}\n{request.DockerfileName}\n{stage.Label}\n{Images.Platforms.Describe(stage.Platform)}\n{step}"))).Hex[..32];

    /// <summary>The key that the step had in the last build; null when it is new.</summary>
    private string? KeyOf(string place)
    {
        if (_keys.TryGetValue(place, out var key)) return key;
        if (_state.Query("select key from build_inputs where place = $1", static row => row.GetString(0), place) is not [var found]) return null;
        return _keys[place] = found;
    }

    private List<string> Reasons(BuildNode node, string place, string? before, StepFate fate)
    {
        if (node.NoCache) return ["the build was told not to use the cache for it"];
        if (before is null) return ["no earlier build of this name came to this step"];
        if (before == fate.Key) return ["nothing changed, but its result was not in the cache any more: it was pruned, or never finished"];
        if (_state.Query("select inputs from build_inputs where place = $1", static row => row.GetFieldValue<byte[]>(0), place) is not [var bytes]) return ["no earlier build of this name came to this step"];
        var changes = fate.Inputs.ChangesSince(StepInputs.Deserialize(bytes));
        return changes.Count > 0 ? changes : ["its inputs changed"];
    }
}
