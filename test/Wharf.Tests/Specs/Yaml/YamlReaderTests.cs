using Shouldly;
using Wharf.Specs.Yaml;
using Xunit;

namespace Wharf.Tests.Specs.Yaml;

public sealed class YamlReaderTests
{
    [Theory]
    [InlineData("a: 1", """{"a":"1"}""")]
    [InlineData("---\na: b:c\nd: 'it''s # no comment' # a comment\n", """{"a":"b:c","d":"it\u0027s # no comment"}""")]
    [InlineData("a:\n  - x\n  - y: 1\n    z: [p, \"q, r\", {s: 't''u'}]\n  -\n    u: ~\nb:\n- c\n- - d\n  - e\n", """{"a":["x",{"y":"1","z":["p","q, r",{"s":"t\u0027u"}]},{"u":null}],"b":["c",["d","e"]]}""")]
    [InlineData("a: {b: 1,\n    c: [x,\n  y]}\nd: \"tab\\there\"\n", """{"a":{"b":"1","c":["x","y"]},"d":"tab\there"}""")]
    [InlineData("\"key: one\": v\nempty: []\nnone:\nlast: {}", """{"key: one":"v","empty":[],"none":null,"last":{}}""")]
    [InlineData("env:\n- FOO=bar # what\n- \"A=b c\"\n- URL=http://x#y", """{"env":["FOO=bar","A=b c","URL=http://x#y"]}""")]
    [InlineData("a: |\n  two\n  lines\nb: >-\n  one\n  line\nc: two\n  words\nd: 'null'\n", """{"a":"two\nlines\n","b":"one line","c":"two words","d":"null"}""")]
    [InlineData("", null)]
    [InlineData("# nothing\n\n", null)]
    public void What_tools_write_is_read(string yaml, string? json) => YamlReader.Read(yaml)?.ToJsonString().ShouldBe(json);

    [Theory]
    [InlineData("a: &x 1", "line 1: an anchor is not read here")]
    [InlineData("a: 1\nb: *x", "line 2: ")]
    [InlineData("a: !!str 1", "line 1: a tag is not read here")]
    [InlineData("a: 1\na: 2", "line 2: mapping key \"a\" already defined")]
    [InlineData("? [a]\n: 1", "line 1: a key is no text")]
    [InlineData("a: [1", "line 2: ")]
    [InlineData("a: [[x] [y]]", "line 1: ")]
    [InlineData("a: 'x", "line 1: ")]
    [InlineData("a:\n\tb: 1", "line 1: ")]
    [InlineData("a: 1\n  b: 2", "line 2: ")]
    [InlineData("a: 1\nb", "line 2: ")]
    [InlineData("a: 1\n---\nb: 1", "line 2: more than one document")]
    public void What_is_not_read_is_told_with_its_line(string yaml, string message) => Should.Throw<FormatException>(() => YamlReader.Read(yaml)).Message.ShouldStartWith("yaml: " + message);

    [Fact]
    public void Documents_are_read_apart() =>
        YamlReader.ReadAll("a: 1\n---\n---\nb: 2\n...\n").Select(document => document?.ToJsonString()).ShouldBe(["""{"a":"1"}""", null, """{"b":"2"}"""]);

    [Fact]
    public void Hostile_depths_end_in_an_error()
    {
        Should.Throw<FormatException>(() => YamlReader.Read(new string('[', 10_000)));
        Should.Throw<FormatException>(() => YamlReader.Read(string.Concat(Enumerable.Repeat("- ", 10_000)) + "x"));
        Should.Throw<FormatException>(() => YamlReader.Read(string.Concat(Enumerable.Range(0, 1000).Select(depth => new string(' ', depth) + "a:\n"))));
    }
}
