using Shouldly;
using Wharf.Runtime.Commands.CommandLine;
using Xunit;

namespace Wharf.Tests.Runtime.Commands;

public sealed class ArgumentsTests
{
    private static readonly Flag[] Flags = [Flag.Switch("all", "", "a"), Flag.Value("bundle", "", "b"), Flag.List("env", "", "e"), Flag.Value("count", "")];

    [Theory]
    [InlineData("--bundle", "x")]
    [InlineData("--bundle=x")]
    [InlineData("-bundle", "x")]
    [InlineData("-b", "x")]
    [InlineData("-b=x")]
    public void A_value_is_read_in_every_form(params string[] words) => Arguments.Parse([.. words, "id"], Flags, anywhere: false).Text("bundle").ShouldBe("x");

    [Fact]
    public void Flags_behind_the_first_word_are_another_programs_unless_they_may_be_anywhere()
    {
        Arguments.Parse(["id", "--all", "-b"], Flags, anywhere: false).Rest.ShouldBe(["id", "--all", "-b"]);
        var parsed = Arguments.Parse(["id", "--all", "KILL"], Flags, anywhere: true);
        parsed.On("all").ShouldBeTrue();
        parsed.Rest.ShouldBe(["id", "KILL"]);
    }

    [Fact]
    public void After_two_dashes_nothing_is_a_flag() => Arguments.Parse(["--", "--all"], Flags, anywhere: true).Rest.ShouldBe(["--all"]);

    [Fact]
    public void Lists_keep_all_and_values_the_last()
    {
        var parsed = Arguments.Parse(["-e", "A=1", "-e", "B=2", "-b", "x", "-b", "y", "--all=false"], Flags, anywhere: false);
        parsed.All("env").ShouldBe(["A=1", "B=2"]);
        parsed.Text("bundle").ShouldBe("y");
        parsed.On("all").ShouldBeFalse();
        parsed.Has("all").ShouldBeTrue();
    }

    [Theory]
    [InlineData("flag provided but not defined: -nope", "--nope")]
    [InlineData("flag needs an argument: -b", "-b")]
    [InlineData("invalid boolean value \"maybe\" for -all: parse error", "--all=maybe")]
    public void Errors_have_the_words_that_callers_know(string message, params string[] words) =>
        Should.Throw<UsageException>(() => Arguments.Parse(words, Flags, anywhere: false)).Message.ShouldBe(message);

    [Fact]
    public void A_number_that_is_none_is_told() => Should.Throw<UsageException>(() => Arguments.Parse(["--count", "x"], Flags, anywhere: false).Number("count")).Message.ShouldContain("-count");
}
