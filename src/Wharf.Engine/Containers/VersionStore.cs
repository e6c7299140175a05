using Microsoft.Data.Sqlite;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>The saved versions of containers: which layer holds what a container had changed then.</summary>
internal sealed class VersionStore
{
    private const string Columns = "number, created, chain, size, author, comment";
    private readonly StateStore _state;

    public VersionStore(StateStore state)
    {
        _state = state;
        state.EnsureSchema("""
            create table if not exists container_versions(
                container text not null, number integer not null, created integer not null, chain text, size integer not null, author text not null, comment text not null,
                primary key (container, number)
            ) without rowid;
            """);
    }

    /// <summary>Adds a version behind the last one; gives its number.</summary>
    public int Add(string container, ContainerVersion version, Digest? chain) => _state.Write((connection, transaction) =>
    {
        using var last = StateStore.Prepare(connection, "select coalesce(max(number), 0) from container_versions where container = $1", [container], transaction);
        int number = Convert.ToInt32(last.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture) + 1;
        using var insert = StateStore.Prepare(connection, "insert into container_versions values($1,$2,$3,$4,$5,$6,$7)",
            [container, number, version.Created.UtcTicks, chain?.ToString(), version.Size, version.Author, version.Comment], transaction);
        insert.ExecuteNonQuery();
        return number;
    });

    public List<(ContainerVersion Version, Digest? Chain)> List(string container) =>
        _state.Query($"select {Columns} from container_versions where container = $1 order by number", Read, container);

    /// <summary>Every layer that a version of any container is made of.</summary>
    public List<Digest> Chains() => _state.Query("select distinct chain from container_versions where chain is not null", row => Digest.Parse(row.GetString(0)));

    /// <summary>True when there was such a version.</summary>
    public bool Delete(string container, int number) => _state.Execute("delete from container_versions where container = $1 and number = $2", container, number) > 0;

    /// <summary>How many there were.</summary>
    public int DeleteAll(string container) => _state.Execute("delete from container_versions where container = $1", container);

    private static (ContainerVersion, Digest?) Read(SqliteDataReader row) => (new ContainerVersion
    {
        Number = row.GetInt32(0), Created = new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero), Size = row.GetInt64(3), Author = row.GetString(4), Comment = row.GetString(5),
    }, row.IsDBNull(2) ? null : Digest.Parse(row.GetString(2)));
}
