using System.Text;
using Shouldly;
using Wharf.Daemon.Registry.Storage;
using Xunit;

namespace Wharf.Tests.Daemon.Registry.Storage;

public sealed class TagListTests
{
    private static string Text(TagSlice slice) => Encoding.ASCII.GetString(slice.Json.Span);

    [Fact]
    public void Slices_are_JSON_and_tell_where_the_next_begins()
    {
        var list = TagList.Of(["A", "b", "C1"]);
        var all = list.Slice(int.MaxValue, null);
        (Text(all), all.Count, all.Last, all.HasMore).ShouldBe(("\"A\",\"b\",\"C1\"", 3, "C1", false));
        var two = list.Slice(2, null);
        (Text(two), two.Last, two.HasMore).ShouldBe(("\"A\",\"b\"", "b", true));
        Text(list.Slice(5, "b")).ShouldBe("\"C1\"");
        Text(list.Slice(5, "aa")).ShouldBe("\"b\",\"C1\"");
        list.Slice(5, "zz").ShouldBe(TagSlice.Empty);
        list.Slice(0, null).ShouldBe(TagSlice.Empty);
        TagList.Of([]).Slice(5, null).ShouldBe(TagSlice.Empty);
        (list.Contains("b"), list.Contains("B"), list.Contains("A"), list.Contains("C"), list.Contains("")).ShouldBe((true, false, true, false, false));
    }

    [Fact]
    public void A_list_is_read_once_until_its_tags_change()
    {
        var lists = new TagLists(1000);
        int reads = 0;
        TagList Read()
        {
            reads++;
            return TagList.Of(["a", "b"]);
        }
        lists.Get("r", Read).ShouldBeSameAs(lists.Get("r", Read));
        lists.Set("r", ["b"]);
        lists.Get("r", Read);
        reads.ShouldBe(1);
        lists.Set("r", ["c"]);
        lists.Get("r", Read);
        reads.ShouldBe(2);
        lists.Drop("r");
        lists.Get("r", Read);
        reads.ShouldBe(3);
    }

    [Fact]
    public void What_was_read_while_tags_changed_is_not_kept()
    {
        var lists = new TagLists(1000);
        lists.Get("r", () =>
        {
            lists.Set("r", ["new"]);
            return TagList.Of(["old"]);
        });
        Text(lists.Get("r", () => TagList.Of(["new", "old"])).Slice(9, null)).ShouldBe("\"new\",\"old\"");
    }

    [Fact]
    public void Lists_take_no_more_than_the_capacity()
    {
        var lists = new TagLists(3 * 34);
        int reads = 0;
        TagList Read()
        {
            reads++;
            return TagList.Of(["0123456789012345678901234567"]);
        }
        foreach (var name in (string[])["a", "b", "c", "d", "d", "b"]) lists.Get(name, Read);
        reads.ShouldBe(4);
        lists.Get("a", Read);
        reads.ShouldBe(5);
        var big = TagList.Of(Enumerable.Range(0, 100).Select(i => "t" + i));
        lists.Get("big", () => big);
        lists.Get("big", () => TagList.Of(["x"])).ShouldNotBeSameAs(big);
    }
}
