using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Secrets;

/// <summary>
/// Secrets for containers. A value is a file of its own below the data root that only root can read; names and labels are in the database, a row after its
/// file and gone before it, so that no row is without its value.
/// </summary>
public sealed partial class SecretService
{
    private const int MaxSize = 512_000;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly StateStore _state;
    private readonly string _directory;

    public SecretService(DaemonOptions options, StateStore state)
    {
        (_state, _directory) = (state, Path.Combine(options.DataRoot, "secrets"));
        state.EnsureSchema("create table if not exists secrets(id text primary key, name text not null unique, created integer not null, labels text not null, size integer not null) without rowid;");
        Directory.CreateDirectory(_directory, OwnerOnly | UnixFileMode.UserExecute);
        var known = List().Select(static secret => secret.ID).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_directory))
            if (!known.Contains(Path.GetFileName(file))) File.Delete(file);
    }

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$")] private static partial Regex NamePattern();

    public Secret Create(SecretCreateRequest request)
    {
        var name = request.Name ?? "";
        if (!NamePattern().IsMatch(name)) throw WharfException.Invalid($"invalid secret name \"{name}\": only [a-zA-Z0-9][a-zA-Z0-9_.-], 253 characters at most, are allowed");
        if (request.Data is not { Length: > 0 and <= MaxSize } data) throw WharfException.Invalid($"secret {name}: Data must be 1 to {MaxSize} bytes");
        var secret = new Secret { ID = Containers.ContainerNames.NewId()[..25], Name = name, CreatedAt = DateTimeOffset.UtcNow, Labels = request.Labels ?? [], Size = data.Length };
        var path = PathOf(secret.ID);
        using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        {
            file.Write(data);
            file.Flush(flushToDisk: true);
        }
        if (_state.Execute("insert or ignore into secrets values($1,$2,$3,$4,$5)", secret.ID, name, secret.CreatedAt.UtcTicks, JsonSerializer.Serialize(secret.Labels, DockerApiJson.Default.DictionaryStringString), secret.Size) > 0) return secret;
        File.Delete(path);
        throw WharfException.Conflict($"secret {name} already exists");
    }

    public List<Secret> List() => Read("", []);

    /// <summary>A secret by its name or ID.</summary>
    public Secret Get(string nameOrId) => Find(nameOrId) ?? throw WharfException.NotFound($"no such secret: {nameOrId}");

    public Secret? Find(string nameOrId) => Read(" where name = $1 or id = $1", [nameOrId]).FirstOrDefault();

    /// <summary>The value; only for what starts containers.</summary>
    internal byte[] Value(Secret secret) => File.ReadAllBytes(PathOf(secret.ID));

    public void Remove(Secret secret)
    {
        _state.Execute("delete from secrets where id = $1", secret.ID);
        File.Delete(PathOf(secret.ID));
    }

    private string PathOf(string id) => Path.Combine(_directory, id);

    private List<Secret> Read(string where, object[] values) => _state.Query($"select id, name, created, labels, size from secrets{where} order by name", static row => new Secret
    {
        ID = row.GetString(0), Name = row.GetString(1), CreatedAt = new DateTimeOffset(row.GetInt64(2), TimeSpan.Zero), Size = row.GetInt64(4),
        Labels = JsonSerializer.Deserialize(row.GetString(3), DockerApiJson.Default.DictionaryStringString) ?? [],
    }, values);
}
