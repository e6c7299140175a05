using Shouldly;
using Wharf.Cli.Commands.Containers;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Commands;

public class ContainerListingTests
{
    [Theory]
    [InlineData("Up 2 hours (healthy)", "healthy")]
    [InlineData("Up 2 hours (unhealthy)", "unhealthy")]
    [InlineData("Up Less than a second (health: starting)", "starting")]
    [InlineData("Up 2 hours", "")]
    [InlineData("Up 2 hours (Paused)", "")]
    [InlineData("Exited (0) 3 minutes ago", "")]
    [InlineData(null, "")]
    public void Health_is_a_column_of_its_own(string? status, string health) =>
        ContainerListing.Create(truncates: true, showsSize: false).Render("{{.HealthStatus}}", isQuiet: false, [new ContainerSummary { Status = status }]).TrimEnd('\n').ShouldBe(health);
}
