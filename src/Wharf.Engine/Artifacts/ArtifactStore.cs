using Wharf.Engine.State;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Artifacts;

/// <summary>A name and the manifest it stands for.</summary>
internal sealed record ArtifactName(ImageReference Name, Digest Manifest, DateTimeOffset Created);

/// <summary>What the database knows of artifacts: names, manifests, and the blobs each manifest needs. A manifest without a name that no container mounts needs none.</summary>
internal sealed class ArtifactStore
{
    private const string Columns = "select name, manifest, created from artifact";
    private readonly StateStore _state;

    public ArtifactStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists artifact(name text primary key, manifest text not null, created integer not null) without rowid, strict;
            create table if not exists artifact_blob(manifest text not null, digest text not null, primary key(manifest, digest)) without rowid, strict;
            """);
    }

    public ArtifactName? Find(ImageReference name) => Read($"{Columns} where name = $1", name.Canonical).FirstOrDefault();

    public List<ArtifactName> WithManifest(string prefix) => Read($"{Columns} where manifest >= $1 and manifest < $2 order by name", prefix, prefix + "g");

    public List<ArtifactName> All() => Read($"{Columns} order by name");

    /// <summary>Every blob that is needed, the manifests too, with a name that needs it, or null where only a container does.</summary>
    public List<(Digest Blob, string? Name)> Blobs(IReadOnlyCollection<Digest> mounted) =>
        _state.Query("""
            select b.digest, min(a.name) from artifact_blob b left join artifact a on a.manifest = b.manifest
            where a.name is not null or b.manifest in (select value from json_each($1)) group by b.digest
            """, static row => (Digest.Parse(row.GetString(0)), row.IsDBNull(1) ? null : ImageReference.Parse(row.GetString(1)).Familiar), Json(mounted));

    private static string Json(IEnumerable<Digest> digests) => $"[{string.Join(',', digests.Distinct().Select(static digest => $"\"{digest}\""))}]";

    /// <summary>Gives a name to a manifest in the place of <paramref name="former"/>; Conflict when it stands for another by now.</summary>
    public void Set(ArtifactName artifact, IEnumerable<Digest> blobs, Digest? former, IReadOnlyCollection<Digest> mounted) => _state.Write((connection, transaction) =>
    {
        int Execute(string sql, params ReadOnlySpan<object?> values)
        {
            using var command = StateStore.Prepare(connection, sql, values, transaction);
            return command.ExecuteNonQuery();
        }
        var (name, manifest) = (artifact.Name, artifact.Manifest);
        var (key, created) = (name.Canonical, artifact.Created.UtcTicks);
        int changed = former is null ? Execute("insert into artifact values($1, $2, $3) on conflict do nothing", key, manifest.ToString(), created)
            : Execute("update artifact set manifest = $2, created = $3 where name = $1 and manifest = $4", key, manifest.ToString(), created, former.ToString());
        if (changed == 0) throw WharfException.Conflict($"{name.Familiar}: the artifact was changed meanwhile");
        foreach (var blob in blobs.Prepend(manifest).Distinct()) Execute("insert into artifact_blob values($1, $2) on conflict do nothing", manifest.ToString(), blob.ToString());
        return Execute(Forget, Json(mounted));
    });

    /// <summary>Takes names away.</summary>
    public void Remove(IEnumerable<ArtifactName> names, IReadOnlyCollection<Digest> mounted) => _state.Write((connection, transaction) =>
    {
        foreach (var name in names)
        {
            using var delete = StateStore.Prepare(connection, "delete from artifact where name = $1", [name.Name.Canonical], transaction);
            delete.ExecuteNonQuery();
        }
        using var forget = StateStore.Prepare(connection, Forget, [Json(mounted)], transaction);
        return forget.ExecuteNonQuery();
    });

    private const string Forget = "delete from artifact_blob where manifest not in (select manifest from artifact) and manifest not in (select value from json_each($1))";

    private List<ArtifactName> Read(string sql, params ReadOnlySpan<object?> values) =>
        _state.Query(sql, static row => new ArtifactName(ImageReference.Parse(row.GetString(0)), Digest.Parse(row.GetString(1)), new DateTimeOffset(row.GetInt64(2), TimeSpan.Zero)), values);
}
