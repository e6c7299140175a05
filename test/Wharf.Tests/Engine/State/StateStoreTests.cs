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
    public void A_data_root_keeps_its_identity()
    {
        using var store = new StateStore(_root);
        EngineIdentity.Of(store).ShouldBe(EngineIdentity.Of(store));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
