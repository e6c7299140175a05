using Shouldly;
using Wharf.Engine.State;
using Xunit;

namespace Wharf.Tests.Engine.State;

public sealed class StateStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-state-").FullName;

    [Fact]
    public void What_was_written_is_there_after_a_restart()
    {
        using (var store = new StateStore(_root))
        {
            store.EnsureSchema("create table if not exists t(a text)");
            store.Execute("insert into t values($1)", "x");
        }
        using var again = new StateStore(_root);
        again.Query("select a from t", row => row.GetString(0)).ShouldBe(["x"]);
    }

    [Fact]
    public void A_failed_transaction_leaves_nothing()
    {
        using var store = new StateStore(_root);
        store.EnsureSchema("create table if not exists t(a text)");
        Should.Throw<InvalidOperationException>(() => store.Write<int>((connection, transaction) =>
        {
            using var insert = StateStore.Prepare(connection, "insert into t values('x')", [], transaction);
            insert.ExecuteNonQuery();
            throw new InvalidOperationException();
        }));
        store.Query("select a from t", row => row.GetString(0)).ShouldBeEmpty();
    }

    [Fact]
    public void A_statement_used_again_has_its_own_arguments()
    {
        using var store = new StateStore(_root);
        store.EnsureSchema("create table t(a text, b integer)");
        foreach (var (name, number) in (IEnumerable<(string?, object?)>)[("x", 1L), (null, null), ("z", 3L)]) store.Execute("insert into t values($1, $2)", name, number);
        store.Query("select count(*) from t where a is $1 and b is $2", row => row.GetInt64(0), "x", 1L).ShouldBe([1]);
        store.Query("select count(*) from t where a is $1 and b is $2", row => row.GetInt64(0), null, null).ShouldBe([1]);
        store.Query("select count(*) from t where a is $1 and b is $2", row => row.GetInt64(0), "z", 1L).ShouldBe([0]);
    }

    [Fact]
    public void A_statement_runs_within_itself_and_again_after_it_failed()
    {
        using var store = new StateStore(_root);
        store.EnsureSchema("create table t(a integer primary key)");
        for (int i = 1; i <= 3; i++) store.Execute("insert into t values($1)", i);
        const string After = "select a from t where a > $1 order by a";
        store.Query(After, outer => (outer.GetInt64(0), store.Query(After, inner => inner.GetInt64(0), outer.GetInt64(0)).Count), 0).ShouldBe([(1, 2), (2, 1), (3, 0)]);
        Should.Throw<Microsoft.Data.Sqlite.SqliteException>(() => store.Execute("insert into t values($1)", 3));
        store.Execute("insert into t values($1)", 4).ShouldBe(1);
        Should.Throw<InvalidOperationException>(() => store.Query<int>(After, _ => throw new InvalidOperationException(), 0));
        store.Query(After, row => row.GetInt64(0), 2).ShouldBe([3, 4]);
    }

    [Fact]
    public void Statements_go_when_memory_is_given_back_and_come_again()
    {
        using var store = new StateStore(_root);
        store.EnsureSchema("create table t(a integer)");
        store.Execute("insert into t values($1)", 1);
        Wharf.Linux.Memory.ResidentMemory.Release();
        store.Execute("insert into t values($1)", 2).ShouldBe(1);
    }

    [Fact]
    public void A_data_root_keeps_its_identity()
    {
        using var store = new StateStore(_root);
        EngineIdentity.Of(store).ShouldBe(EngineIdentity.Of(store));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
