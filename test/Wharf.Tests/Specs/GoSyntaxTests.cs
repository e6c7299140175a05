using Shouldly;
using Wharf.Specs;
using Xunit;

namespace Wharf.Tests.Specs;

public sealed class GoSyntaxTests
{
    [Fact]
    public void Truth_values_are_the_twelve_words_of_ParseBool_and_no_others()
    {
        foreach (var text in (string[])["1", "t", "T", "true", "TRUE", "True"]) GoSyntax.Bool(text).ShouldBe(true, text);
        foreach (var text in (string[])["0", "f", "F", "false", "FALSE", "False"]) GoSyntax.Bool(text).ShouldBe(false, text);
        foreach (var text in (string?[])[null, "", "yes", "tRUE", " true", "2"]) GoSyntax.Bool(text).ShouldBeNull(text);
    }

    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("\n\t\a\u0001\u007f", "\"\\n\\t\\a\\x01\\x7f\"")]
    [InlineData("ä<&'", "\"ä<&'\"")]
    public void Quoted_text_is_as_q_writes_it(string text, string quoted) => GoSyntax.Quoted(text).ShouldBe(quoted);
}
