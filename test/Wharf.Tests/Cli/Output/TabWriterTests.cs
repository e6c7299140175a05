using Shouldly;
using Wharf.Cli.Output;
using Xunit;

namespace Wharf.Tests.Cli.Output;

/// <summary>Columns line up as with Go's tabwriter.</summary>
public sealed class TabWriterTests
{
    [Fact]
    public void A_column_is_as_wide_as_its_widest_cell_and_the_padding()
        => TabWriter.Align("ID\tNAME\tX\nabcdefghijkl\tn\ty\n", 10, 3).ShouldBe("ID             NAME      X\nabcdefghijkl   n         y\n");

    [Fact]
    public void The_last_cell_of_a_line_is_not_padded() => TabWriter.Align("a\tb\n", 10, 3).ShouldBe("a         b\n");

    [Fact]
    public void A_line_without_the_column_separates_blocks()
        => TabWriter.Align("aaaaaaaaaa\tb\nplain\nc\td\n", 3, 1).ShouldBe("aaaaaaaaaa b\nplain\nc  d\n");

    [Fact]
    public void Width_counts_characters_and_not_bytes() => TabWriter.Align("a…\tb\nabc\td\n", 1, 1).ShouldBe("a…  b\nabc d\n");
}
