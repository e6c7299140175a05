namespace Wharf.Engine.State;

/// <summary>The UUID of a data root, made at its first start.</summary>
public static class EngineIdentity
{
    public static string Of(StateStore state)
    {
        state.EnsureSchema("create table if not exists engine(key text primary key, value text not null) without rowid, strict");
        state.Execute("insert into engine values('id', $1) on conflict do nothing", Guid.NewGuid().ToString());
        return state.Query("select value from engine where key = 'id'", row => row.GetString(0))[0];
    }
}
