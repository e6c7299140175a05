using System.Buffers.Binary;
using System.Text;
using Shouldly;
using Wharf.Linux.Nftables;
using Xunit;

namespace Wharf.Tests.Linux.Nftables;

public class NftablesMonitorTests
{
    private const int DeleteTable = 2, NewTable = 0, DeleteRule = 8, NewChain = 3, NewElement = 12, DeleteElement = 14;

    [Theory]
    [InlineData(DeleteTable, "wharf_a", true)]
    [InlineData(DeleteRule, "wharf_a", true)]
    [InlineData(NewTable, "wharf_a", false)]
    [InlineData(NewElement, "wharf_a", false)]
    [InlineData(DeleteElement, "wharf_a", false)]
    [InlineData(DeleteTable, "wharf_ab", false)]
    [InlineData(DeleteTable, "filter", false)]
    public void Only_removals_from_the_table_count(int type, string table, bool counts) => NftablesMonitor.Removes(Message(type, table), "wharf_a").ShouldBe(counts);

    [Theory]
    [InlineData(NewChain, "filter", true)]
    [InlineData(DeleteRule, "filter", true)]
    [InlineData(NewChain, "nat", false)]
    [InlineData(NewElement, "filter", false)]
    public void In_the_hosts_table_new_chains_count_too(int type, string table, bool counts) => NftablesMonitor.Removes(Message(type, table), "filter", orMakesChains: true).ShouldBe(counts);

    [Fact]
    public void A_new_chain_of_our_own_is_no_removal() => NftablesMonitor.Removes(Message(NewChain, "wharf_a"), "wharf_a").ShouldBeFalse();

    [Fact]
    public void A_removal_behind_other_events_is_seen() => NftablesMonitor.Removes([.. Message(NewTable, "x"), .. Message(DeleteTable, "filter"), .. Message(DeleteTable, "wharf_a")], "wharf_a").ShouldBeTrue();

    [Fact]
    public void Cut_messages_are_no_removal()
    {
        var whole = Message(DeleteTable, "wharf_a");
        for (int length = 0; length < whole.Length; length++) NftablesMonitor.Removes(whole.AsSpan(0, length), "wharf_a").ShouldBeFalse();
    }

    // nlmsghdr, nfgenmsg, attribute 1 with the name.
    private static byte[] Message(int type, string table)
    {
        var name = Encoding.ASCII.GetBytes(table + '\0');
        int length = 20 + 4 + name.Length;
        var bytes = new byte[length + 3 & ~3];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)bytes.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), (ushort)(10 << 8 | type));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(20), (ushort)(4 + name.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(22), 1);
        name.CopyTo(bytes, 24);
        return bytes;
    }
}
