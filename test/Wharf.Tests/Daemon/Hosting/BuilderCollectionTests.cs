using Shouldly;
using Wharf.Daemon.Hosting;
using Wharf.Engine.Build.Caching;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Hosting;

/// <summary><c>builder.gc</c> of daemon.json; the rules are those that dockerd 28.5 shows for the same file.</summary>
public sealed class BuilderCollectionTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    private IReadOnlyList<PruneRule>? Rules(string collection)
    {
        File.WriteAllText(_file, "{\"builder\": {\"gc\": " + collection + "}}");
        return DaemonCommandLine.Parse(["--config-file", _file]).Builder.Rules;
    }

    [Fact]
    public void Sizes_make_dockers_four_rules()
    {
        var rules = Rules("""{"defaultReservedSpace": "20GB", "defaultKeepStorage": "2GB", "defaultMaxUsedSpace": "30GB", "defaultMinFreeSpace": "1KB"}""")!;
        rules.Count.ShouldBe(4);
        rules[0].Filters.ShouldBe(["type==source.local,type==exec.cachemount,type==source.git.checkout"]);
        (rules[0].KeepDuration, rules[0].Reserved, rules[0].MaxUsed, rules[0].MinFree, rules[0].All).ShouldBe((TimeSpan.FromHours(48), 0, 2967302759, 0, false));
        rules.Skip(1).Select(rule => (rule.KeepDuration.TotalDays, rule.Reserved, rule.MaxUsed, rule.MinFree, rule.All, rule.Filters.Count))
            .ShouldBe([(60, 20L << 30, 30L << 30, 1024, false, 0), (0, 20L << 30, 30L << 30, 1024, false, 0), (0, 20L << 30, 30L << 30, 1024, true, 0)]);
        Rules("""{"defaultMaxUsedSpace": "5MB"}""")![0].MaxUsed.ShouldBe(512_000_000);
        Rules("""{"defaultReservedSpace": "0", "enabled": true}""").ShouldBeNull();
    }

    [Fact]
    public void A_policy_takes_the_place_of_all_rules()
    {
        var rules = Rules("""
            {"defaultReservedSpace": "1GB", "policy": [
                {"keepStorage": "10GB", "filter": ["unused-for=2200h"]},
                {"keepStorage": "50GB", "filter": ["type=exec.cachemount", "until=24h"], "keepDuration": "5h"},
                {"reservedSpace": "1GB", "keepStorage": "7GB", "maxUsedSpace": "5GB", "minFreeSpace": "2GB", "filter": ["type==source.local"], "all": true, "keepDuration": 90},
                {"maxUsedSpace": "100GB", "filter": ["shared"]}]}
            """)!;
        rules.Select(rule => (string.Join(' ', rule.Filters), rule.KeepDuration, rule.Reserved >> 30, rule.MaxUsed >> 30, rule.MinFree >> 30, rule.All)).ShouldBe([
            ("", TimeSpan.FromHours(2200), 10, 0, 0, false), ("type==exec.cachemount", TimeSpan.FromHours(24), 50, 0, 0, false),
            ("type==source.local", TimeSpan.FromSeconds(90), 1, 5, 2, true), ("shared==", TimeSpan.Zero, 0, 100, 0, false)]);
        Rules("""{"policy": []}""")!.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"policy": [{"keepStorage": "1x"}]}""", "builder.gc.policy[0].reservedSpace: invalid size \"1x\"")]
    [InlineData("""{"policy": [{}, {"minFreeSpace": "zz"}]}""", "builder.gc.policy[1].minFreeSpace: invalid size \"zz\"")]
    [InlineData("""{"policy": [{"filter": ["until=1h", "until=2h"]}]}""", "builder.gc.policy[0].filter: filters expect only one value")]
    [InlineData("""{"policy": [{"filter": ["nonsense=a"]}]}""", "builder.gc.policy[0].filter: unknown field \"nonsense\"")]
    [InlineData("""{"policy": [{"keepDuration": "soon"}]}""", "builder.gc.policy[0].keepDuration: neither a duration nor a number of seconds")]
    [InlineData("""{"policy": [{"keepDuration": -1}]}""", "builder.gc.policy[0].keepDuration: neither a duration nor a number of seconds")]
    [InlineData("""{"defaultMaxUsedSpace": "zz"}""", "builder.gc.defaultMaxUsedSpace: invalid size \"zz\"")]
    public void What_is_wrong_is_named(string collection, string message) => Should.Throw<WharfException>(() => Rules(collection)).Message.ShouldBe(message);
}
