using Shouldly;
using Wharf.Daemon.Hosting;
using Wharf.Engine.Images.Collection;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Hosting;

/// <summary><c>images.gc</c> of daemon.json, and the flag that says the same on a line.</summary>
public sealed class ImageCollectionEntryTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    private ImageCollection Collection(string collection, params string[] flags)
    {
        File.WriteAllText(_file, collection.Length == 0 ? "{}" : "{\"images\": {\"gc\": " + collection + "}}");
        return DaemonCommandLine.Parse(["--config-file", _file, .. flags]).ImageCollection;
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("{}", 0)]
    [InlineData("""{"keep": ["a"]}""", 0)]
    [InlineData("""{"enabled": false, "policy": [{"all": true}]}""", 0)]
    [InlineData("""{"policy": [{"all": true}]}""", 1)]
    [InlineData("""{"enabled": true, "policy": []}""", 0)]
    [InlineData("""{"enabled": true}""", null)] // rules for the disk at hand
    public void It_is_off_until_it_is_asked_for(string collection, int? rules) => ((int?)Collection(collection).Rules?.Count).ShouldBe(rules);

    [Fact]
    public void Rules_and_times_are_read()
    {
        var collection = Collection("""
            {"interval": "90s", "minimumAge": 30, "keep": ["base/*"], "policy": [
                {"keepDuration": "48h", "filter": ["dangling=true", "label=a=b"]}, {"all": true, "local": true, "keepStorage": "2GB", "maxUsedSpace": "10GB", "minFreeSpace": "5GB"}]}
            """);
        (collection.Interval, collection.MinimumAge, collection.Keep.Single()).ShouldBe((TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(30), "base/*"));
        collection.Rules!.Select(rule => (rule.All, rule.Local, rule.KeepDuration.TotalHours, rule.Reserved >> 30, rule.MaxUsed >> 30, rule.MinFree >> 30)).ShouldBe([(false, false, 48, 0, 0, 0), (true, true, 0, 2, 10, 5)]);
        var flags = Collection("", "--image-gc-policy", "keepDuration=48h,filter=dangling=true,filter=label=a=b", "--image-gc-policy=all,local=true,reservedSpace=2GB,maxUsedSpace=10GB,minFreeSpace=5GB").Rules!;
        flags.Select(rule => (rule.All, rule.Local, rule.KeepDuration, rule.Reserved, rule.MaxUsed, rule.MinFree)).ShouldBe(collection.Rules!.Select(rule => (rule.All, rule.Local, rule.KeepDuration, rule.Reserved, rule.MaxUsed, rule.MinFree)));
    }

    [Theory]
    [InlineData("""{"policy": [{"minFreeSpace": "1x"}]}""", "images.gc.policy[0].minFreeSpace: invalid size \"1x\"")]
    [InlineData("""{"policy": [{}, {"filter": ["type=regular"]}]}""", "images.gc.policy[1].filter: unknown field \"type\"")]
    [InlineData("""{"policy": [{"filter": ["dangling=perhaps"]}]}""", "images.gc.policy[0].filter: invalid filter 'dangling=perhaps'")]
    [InlineData("""{"policy": [{"filter": ["until=soon"]}]}""", "images.gc.policy[0].filter: failed to parse value as time or duration: \"soon\"")]
    [InlineData("""{"policy": [{"filter": ["reference=[a"]}]}""", "images.gc.policy[0].filter: syntax error in pattern")]
    [InlineData("""{"keep": ["[a"]}""", "images.gc.keep: syntax error in pattern")]
    [InlineData("""{"interval": 0}""", "images.gc.interval: less than a second")]
    [InlineData("""{"minimumAge": "x"}""", "images.gc.minimumAge: neither a duration nor a number of seconds")]
    public void What_is_wrong_is_named(string collection, string message) => Should.Throw<WharfException>(() => Collection(collection)).Message.ShouldBe(message);

    [Fact]
    public void A_wrong_flag_is_named()
    {
        Should.Throw<WharfException>(() => Collection("", "--image-gc-policy", "all,older=1h")).Message.ShouldStartWith("invalid argument \"all,older=1h\" for \"--image-gc-policy\": \"older=1h\" is neither");
        Should.Throw<WharfException>(() => Collection("{}", "--image-gc-policy", "all")).Message.ShouldContain("image-gc-policy");
    }
}
