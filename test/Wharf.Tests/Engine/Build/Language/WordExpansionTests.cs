using Shouldly;
using Wharf.Engine.Build.Language;
using Xunit;

namespace Wharf.Tests.Engine.Build.Language;

public sealed class WordExpansionTests
{
    private static readonly Dictionary<string, string> Variables = new() { ["foo"] = "/bar", ["empty"] = "", ["dots"] = "one.two.three", ["path"] = "a/b/a" };

    private static string Expand(string word, char escape = '\\') => new WordExpansion(Variables.GetValueOrDefault, escape).Expand(word);

    [Theory]
    [InlineData("$foo", "/bar")]
    [InlineData("${foo}", "/bar")]
    [InlineData("$foo.x", "/bar.x")]
    [InlineData("${foo}x", "/barx")]
    [InlineData("$unset-", "-")]
    [InlineData("a$", "a$")]
    [InlineData("\\$foo", "$foo")]
    [InlineData("'$foo'", "$foo")]
    [InlineData("\"$foo\"", "/bar")]
    [InlineData("\"\\$foo\"", "$foo")]
    [InlineData("\"\\a\"", "\\a")]
    [InlineData("a\\\\b", "a\\b")]
    [InlineData("a\\ b", "a b")]
    [InlineData("'a b'\"c d\"", "a bc d")]
    [InlineData("\\", "")]
    public void Variables_quotes_and_escapes(string word, string expected) => Expand(word).ShouldBe(expected);

    [Theory]
    [InlineData("${unset:-word}", "word")]
    [InlineData("${empty:-word}", "word")]
    [InlineData("${foo:-word}", "/bar")]
    [InlineData("${unset-word}", "word")]
    [InlineData("${empty-word}", "")]
    [InlineData("${foo:+word}", "word")]
    [InlineData("${empty:+word}", "")]
    [InlineData("${empty+word}", "word")]
    [InlineData("${unset:+word}", "")]
    [InlineData("${unset:-$foo}", "/bar")]
    [InlineData("${unset:-${empty:-deep}}", "deep")]
    [InlineData("${foo:?message}", "/bar")]
    public void Conditions(string word, string expected) => Expand(word).ShouldBe(expected);

    [Theory]
    [InlineData("${dots#*.}", "two.three")]
    [InlineData("${dots##*.}", "three")]
    [InlineData("${dots%.*}", "one.two")]
    [InlineData("${dots%%.*}", "one")]
    [InlineData("${dots#x}", "one.two.three")]
    [InlineData("${dots/o/0}", "0ne.two.three")]
    [InlineData("${dots//o/0}", "0ne.tw0.three")]
    [InlineData("${dots/t??/T}", "one.T.three")]
    [InlineData("${path//a/}", "/b/")]
    [InlineData("${path/a\\/b/x}", "x/a")]
    [InlineData("${foo/b/\\/}", "/\\/ar")] // what comes in its place keeps its escapes, as with docker
    [InlineData("${dots%%\\*}", "one.two.three")]
    public void Patterns(string word, string expected) => Expand(word).ShouldBe(expected);

    [Theory]
    [InlineData("RUN echo $foo ${foo}x '$foo' \"$foo\"", "RUN echo /bar /barx '$foo' \"/bar\"")]
    [InlineData("$unset ${unset:-w} $$ $1 `x` ${empty}", "$unset ${unset:-w} $$ $1 `x` ")]
    [InlineData("a\\ b \\$foo", "a b $foo")]
    public void A_command_is_shown_with_what_is_known_of_it(string command, string shown) =>
        new WordExpansion(Variables.GetValueOrDefault, '\\') { ForShow = true }.Expand(command).ShouldBe(shown);

    [Theory]
    [InlineData("${dots%%\\.*}", "invalid pattern (*\\.) in substitution: invalid escape '\\.'")]
    [InlineData("${dots#\\.*}", "invalid pattern (\\.*) in substitution: invalid escape '\\.'")]
    [InlineData("${foo", "unsupported modifier (\uFFFD) in substitution")]
    [InlineData("${}", "syntax error: bad substitution")]
    [InlineData("${foo:x}", "unsupported modifier")]
    [InlineData("${foo!x}", "unsupported modifier")]
    [InlineData("${unset:?why}", "unset: why")]
    [InlineData("'a", "single-quote")]
    [InlineData("\"a", "double-quote")]
    public void What_cannot_be_expanded_says_why(string word, string part) => Should.Throw<FormatException>(() => Expand(word)).Message.ShouldContain(part);

    [Fact]
    public void Another_escape_leaves_backslashes_alone() => Expand("c:\\dir`$foo", '`').ShouldBe("c:\\dir$foo");

    [Fact]
    public void Names_that_are_not_set_are_remembered()
    {
        var expansion = new WordExpansion(Variables.GetValueOrDefault, '\\');
        expansion.Expand("$foo $gone ${away}");
        expansion.Unset.ShouldBe(["gone", "away"], ignoreOrder: true);
    }

    [Fact]
    public void A_document_keeps_its_quotes() => new WordExpansion(Variables.GetValueOrDefault, '\\').ExpandDocument("\"$foo\" '$foo' \\$foo\n").ShouldBe("\"/bar\" '/bar' $foo\n");
}
