using Shouldly;
using Wharf.Daemon.Http;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

public sealed class FiltersTests
{
    [Theory]
    [InlineData("""{"label":["a=b","c"]}""")]
    [InlineData("""{"label":{"a=b":true,"c":false}}""")]
    public void Both_forms_mean_the_same(string json) => Filters.Parse(json).Get("label").ShouldBe(["a=b", "c"]);

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"label":"x"}""")]
    [InlineData("""{"label":[1]}""")]
    [InlineData("""{"label":{"a":1}}""")]
    public void Other_shapes_are_refused(string json) =>
        Should.Throw<WharfException>(() => Filters.Parse(json)).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void An_unknown_key_is_named() =>
        Should.Throw<WharfException>(() => Filters.Parse("""{"colour":["red"]}""").Accept("label")).Message.ShouldBe("invalid filter 'colour'");

    [Fact]
    public void No_filter_is_an_empty_one() => Filters.Parse(null).All.ShouldBeEmpty();
}
