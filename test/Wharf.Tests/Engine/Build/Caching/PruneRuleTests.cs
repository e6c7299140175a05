using Shouldly;
using Wharf.Engine.Build.Caching;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Build.Caching;

public sealed class PruneRuleTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static CacheEntry Entry(string id, string kind = "regular", long size = 10, bool shared = false, bool inUse = false, double hours = 1) =>
        new(id, kind, $"what {id} is", size, kind != "regular", inUse, shared, [], Now, Now - TimeSpan.FromHours(hours), 1);

    private static readonly CacheEntry[] Entries = [Entry("old", hours: 100), Entry("used", inUse: true), Entry("image", shared: true, size: 1000), Entry("mount", "exec.cachemount", hours: 50), Entry("context", "source.local")];

    private static string Chosen(PruneRule rule) => string.Join(' ', rule.Select(Entries, Now).Candidates.Select(entry => entry.Id));

    /// <summary>As dockerd 28.5 did with a client's prune of such sizes.</summary>
    [Theory]
    [InlineData(0, 0, 0, 100, 1000, true)]
    [InlineData(80, 0, 0, 100, 1000, true)]
    [InlineData(80, 0, 0, 80, 1000, false)]
    [InlineData(0, 80, 0, 100, 1000, true)]
    [InlineData(90, 80, 0, 85, 1000, false)]
    [InlineData(0, 0, 500, 100, 1000, false)]
    [InlineData(80, 0, 500, 100, 1000, false)]
    [InlineData(80, 0, 5000, 100, 1000, true)]
    [InlineData(80, 0, 5000, 70, 1000, false)]
    [InlineData(0, 120, 5000, 100, 1000, true)]
    public void Sizes_say_whether_something_must_go(long reserved, long maxUsed, long minFree, long used, long free, bool exceeded) =>
        new PruneRule { Reserved = reserved, MaxUsed = maxUsed, MinFree = minFree }.Exceeded(used, free).ShouldBe(exceeded);

    [Fact]
    public void What_images_use_goes_and_counts_only_with_all()
    {
        Chosen(new PruneRule()).ShouldBe("old mount context");
        new PruneRule().Select(Entries, Now).Used.ShouldBe(40);
        Chosen(new PruneRule { All = true }).ShouldBe("old image mount context");
        new PruneRule { All = true }.Select(Entries, Now).Used.ShouldBe(1040);
        new PruneRule { All = true, Filters = ["id==old"] }.Select(Entries, Now).Used.ShouldBe(40);
    }

    [Theory]
    [InlineData("type==exec.cachemount", "mount")]
    [InlineData("type=exec.cachemount", "mount")]
    [InlineData("type!=regular", "mount context")]
    [InlineData("type==source.local,type==exec.cachemount,type==source.git.checkout", "mount context")]
    [InlineData("type==regular,private", "old")]
    [InlineData("shared", "image")]
    [InlineData("shared==", "image")]
    [InlineData("mutable!=true", "old image")]
    [InlineData("immutable==true", "old image")]
    [InlineData("description~=^what [oi]", "old image")]
    [InlineData("id~=o.,id~=l.", "old")]
    [InlineData("nonsense==1", "")]
    [InlineData("", "old image mount context")]
    public void Filters_are_containerds(string filter, string chosen) => Chosen(new PruneRule { All = true, Filters = [filter] }).ShouldBe(chosen);

    [Fact]
    public void Of_several_filters_one_must_fit_and_what_was_used_lately_stays()
    {
        Chosen(new PruneRule { Filters = ["id==old", "id==context"] }).ShouldBe("old context");
        Chosen(new PruneRule { KeepDuration = TimeSpan.FromHours(48) }).ShouldBe("old mount");
    }

    [Fact]
    public void Docker_s_filters_become_terms_and_a_time_to_keep()
    {
        var rule = new PruneRule { All = true }.With(new Dictionary<string, List<string>> { ["id"] = ["ab"], ["type"] = ["regular"], ["shared"] = [], ["unused-for"] = ["48h"], ["label"] = ["a", "b"] }, Now);
        rule.Filters.ShouldBe(["id~=ab,type==regular,shared"]);
        (rule.KeepDuration, rule.All).ShouldBe((TimeSpan.FromHours(48), true));
        new PruneRule().With(new Dictionary<string, List<string>> { ["until"] = ["2026-11-27T00:00:00Z"] }, Now).KeepDuration.ShouldBe(TimeSpan.FromHours(12));
    }

    [Theory]
    [InlineData("type=a type=b", "filters expect only one value")]
    [InlineData("until=1h until=2h", "filters expect only one value")]
    [InlineData("until=1h unused-for=2h", "conflicting filters: \"until\" and \"unused-for\"")]
    [InlineData("until=zz", "\"until\" filter expects a duration (e.g., '24h') or a timestamp: failed to parse value as time or duration: \"zz\"")]
    public void What_the_filters_cannot_say_is_told_in_docker_s_words(string filters, string message)
    {
        var parsed = filters.Split(' ').Select(filter => filter.Split('=')).GroupBy(parts => parts[0]).ToDictionary(group => group.Key, group => group.Select(parts => parts[1]).ToList());
        Should.Throw<WharfException>(() => new PruneRule().With(parsed, Now)).Message.ShouldBe(message);
    }
}
