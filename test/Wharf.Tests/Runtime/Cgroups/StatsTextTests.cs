using System.Text.Json;
using Shouldly;
using Wharf.Runtime.Cgroups.Stats;
using Xunit;

namespace Wharf.Tests.Runtime.Cgroups;

/// <summary>Statistics as runc prints them.</summary>
public sealed class StatsTextTests
{
    [Fact]
    public void Zeros_are_left_out_where_runc_leaves_them_out()
    {
        var json = JsonSerializer.Serialize(new RuntimeEvent { Type = "stats", Id = "c", Data = new CgroupStats { Pids = new PidsStats { Current = 2 } } }, StatsJson.Default.RuntimeEvent);
        json.ShouldBe("""{"type":"stats","id":"c","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{"current":2},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}}""");
    }

    [Fact]
    public void An_event_without_data_has_none() => JsonSerializer.Serialize(new RuntimeEvent { Type = "oom", Id = "c" }, StatsJson.Default.RuntimeEvent).ShouldBe("""{"type":"oom","id":"c"}""");

    [Fact]
    public void Pressure_is_read_line_by_line()
    {
        var pressure = StatsText.Pressure("some avg10=1.50 avg60=0.20 avg300=0.00 total=1234\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=99\n")!;
        pressure.Some.ShouldBe(new Pressure { Average10 = 1.5, Average60 = 0.2, Total = 1234 });
        pressure.Full.Total.ShouldBe(99ul);
    }

    [Fact]
    public void The_sum_of_block_io_is_no_entry() => StatsText.Blkio("8:0 Read 10\n8:0 Total 20\nTotal 20\n")!.Select(entry => (entry.Op, entry.Value)).ShouldBe([("Read", 10ul), ("Total", 20ul)]);

    [Fact]
    public void Processors_are_listed() => StatsText.List("0-2,7")!.ShouldBe([0, 1, 2, 7]);
}
