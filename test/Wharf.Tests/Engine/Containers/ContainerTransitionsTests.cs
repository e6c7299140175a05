using Shouldly;
using Wharf.Engine.Containers;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class ContainerTransitionsTests
{
    [Theory]
    [InlineData(ContainerStatus.Created, ContainerStatus.Running, true)]
    [InlineData(ContainerStatus.Created, ContainerStatus.Paused, false)]
    [InlineData(ContainerStatus.Running, ContainerStatus.Paused, true)]
    [InlineData(ContainerStatus.Running, ContainerStatus.Exited, true)]
    [InlineData(ContainerStatus.Running, ContainerStatus.Removing, false)]
    [InlineData(ContainerStatus.Paused, ContainerStatus.Running, true)]
    [InlineData(ContainerStatus.Restarting, ContainerStatus.Running, true)]
    [InlineData(ContainerStatus.Restarting, ContainerStatus.Paused, false)]
    [InlineData(ContainerStatus.Exited, ContainerStatus.Running, true)]
    [InlineData(ContainerStatus.Exited, ContainerStatus.Removing, true)]
    [InlineData(ContainerStatus.Removing, ContainerStatus.Running, false)]
    [InlineData(ContainerStatus.Dead, ContainerStatus.Running, false)]
    [InlineData(ContainerStatus.Dead, ContainerStatus.Removing, true)]
    public void The_table_says_which_changes_there_are(ContainerStatus from, ContainerStatus to, bool allowed) =>
        ContainerTransitions.IsAllowed(from, to).ShouldBe(allowed);

    [Fact]
    public void A_change_that_is_not_in_the_table_is_a_conflict() =>
        Should.Throw<WharfException>(() => ContainerTransitions.Require(ContainerStatus.Removing, ContainerStatus.Running)).Kind.ShouldBe(ErrorKind.Conflict);

    [Fact]
    public void Every_state_has_a_name_that_leads_back_to_it()
    {
        foreach (var status in Enum.GetValues<ContainerStatus>())
        {
            ContainerTransitions.TryParse(ContainerTransitions.Name(status), out var parsed).ShouldBeTrue();
            parsed.ShouldBe(status);
        }
        ContainerTransitions.TryParse("bogus", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Those_who_wait_for_the_exit_are_told_and_those_who_wait_for_the_removal_go_on_waiting()
    {
        var container = new Container("id", "name", DateTimeOffset.UnixEpoch, new ContainerDocument(), new RunState { ExitCode = 7 });
        var exit = container.NextAsync(removed: false);
        var removal = container.NextAsync(removed: true);
        container.Notify(removed: false);
        exit.IsCompletedSuccessfully.ShouldBeTrue();
        removal.IsCompleted.ShouldBeFalse();
        container.Notify(removed: true);
        (await removal).StatusCode.ShouldBe(7);
    }
}
