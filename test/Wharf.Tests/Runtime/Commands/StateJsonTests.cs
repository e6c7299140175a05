using System.Text;
using Shouldly;
using Wharf.Runtime.Commands.Store;
using Xunit;

namespace Wharf.Tests.Runtime.Commands;

public sealed class StateJsonTests
{
    private static readonly ContainerState s_state = new()
    {
        Id = "c", OciVersion = "1.2.0", Bundle = "/bündel/\n\"+", InitPid = 7, InitStart = 99, Created = new DateTime(2026, 11, 26, 1, 2, 3, DateTimeKind.Utc),
        CgroupPaths = { ["pids"] = "/sys/fs/cgroup/pids/c" }, Annotations = new() { ["a<b"] = "c\nd" },
    };

    [Fact]
    public void A_state_is_one_line_and_reads_as_it_was()
    {
        var line = StateJson.Write(s_state);
        line.IndexOf((byte)'\n').ShouldBe(line.Length - 1);
        var read = StateJson.Read(StateJson.Last(line));
        (read.Id, read.Bundle, read.InitPid, read.InitStart, read.Created).ShouldBe((s_state.Id, s_state.Bundle, s_state.InitPid, s_state.InitStart, s_state.Created));
        read.CgroupPaths.ShouldBe(s_state.CgroupPaths);
        read.Annotations.ShouldBe(s_state.Annotations);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("{\"id\":", "")]
    [InlineData("one\n", "one")]
    [InlineData("one\ntwo\n", "two")]
    [InlineData("one\ntwo\nthr", "two")]
    public void The_last_whole_line_counts(string content, string expected) => Encoding.UTF8.GetString(StateJson.Last(Encoding.UTF8.GetBytes(content))).ShouldBe(expected);
}
