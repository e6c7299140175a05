using Shouldly;
using Wharf.Engine.Build.Solving;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Build.Solving;

public sealed class ModeChangeTests
{
    [Theory]
    [InlineData("755", "644", "755")]
    [InlineData("04755", "644", "4755")]
    [InlineData("u+x", "644", "744")]
    [InlineData("+x", "640", "751")]
    [InlineData("go-rwx", "755", "700")]
    [InlineData("a=rX", "600", "444")]
    [InlineData("a=rX", "700", "555")]
    [InlineData("u=rwx,g=u,o=g-w", "000", "775")]
    [InlineData("ug+s,+t", "755", "7755")]
    [InlineData("u=", "777", "077")]
    public void Files_get_what_chmod_gives_them(string change, string before, string after) =>
        Convert.ToString((int)ModeChange.Parse(change)!.Apply(Convert.ToUInt32(before, 8), isDirectory: false), 8).PadLeft(3, '0').ShouldBe(after);

    [Fact]
    public void A_big_X_makes_directories_searchable() => ModeChange.Parse("u=rwX,go=rX")!.Apply(0x180, isDirectory: true).ShouldBe(0x1edu);

    [Theory]
    [InlineData("")]
    [InlineData("99")]
    [InlineData("u")]
    [InlineData("u+q")]
    [InlineData("17777")]
    [InlineData("x+u,")]
    public void Anything_else_is_refused(string change) => Should.Throw<WharfException>(() => ModeChange.Parse(change));
}
