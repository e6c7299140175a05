using CsCheck;
using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class ContainerNamesTests
{
    [Theory]
    [InlineData("ab")]
    [InlineData("/web")]
    [InlineData("web_1.a-b")]
    [InlineData("0x")]
    public void Names_of_letters_digits_and_three_marks_are_taken(string name) => ContainerNames.Require(name).ShouldBe(name.TrimStart('/'));

    [Theory]
    [InlineData("x")]
    [InlineData("-x")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("ab\n")]
    [InlineData("naïve")]
    public void Other_names_are_refused_in_dockers_words(string name) =>
        Should.Throw<WharfException>(() => ContainerNames.Require(name)).Message.ShouldBe($"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");

    [Fact]
    public void Made_up_names_keep_the_rules() =>
        Gen.Int[0, 20].Sample(attempt => ContainerNames.IsValid(ContainerNames.Generate(attempt)));

    [Fact]
    public void Ids_are_64_hex_digits_and_differ()
    {
        var ids = Enumerable.Range(0, 100).Select(_ => ContainerNames.NewId()).ToHashSet();
        ids.Count.ShouldBe(100);
        ids.ShouldAllBe(id => id.Length == 64 && id.All(char.IsAsciiHexDigitLower));
    }

    [Fact]
    public void A_container_is_found_by_id_then_name_then_a_prefix_only_one_has()
    {
        var index = new ContainerIndex();
        var first = New("aaaa11", "bbbb");
        var second = New("aaab22", "other");
        index.Add(first);
        index.Add(second);
        index.Get("aaaa11").ShouldBeSameAs(first);
        index.Get("bbbb").ShouldBeSameAs(first);
        index.Get("/other").ShouldBeSameAs(second);
        index.Get("aaab").ShouldBeSameAs(second);
        Should.Throw<WharfException>(() => index.Get("aaa")).Kind.ShouldBe(ErrorKind.InvalidArgument);
        Should.Throw<WharfException>(() => index.Get("zz")).Message.ShouldBe("No such container: zz");
        Should.Throw<WharfException>(() => index.Get("")).Kind.ShouldBe(ErrorKind.NotFound);
    }

    [Fact]
    public void A_reserved_name_is_taken_before_its_container_is_there()
    {
        var index = new ContainerIndex();
        index.TryReserve("web", "1", out _).ShouldBeTrue();
        index.TryReserve("web", "2", out var holder).ShouldBeFalse();
        holder.ShouldBe("1");
        index.Find("web").ShouldBeNull();
        index.Release("web", "2");
        index.TryReserve("web", "2", out _).ShouldBeFalse();
        index.Release("web", "1");
        index.TryReserve("web", "2", out _).ShouldBeTrue();
    }

    private static Container New(string id, string name) => new(id, name, DateTimeOffset.UnixEpoch, new ContainerDocument(), new RunState());
}
