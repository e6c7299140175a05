using Shouldly;
using Wharf.Engine.Images;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>What is being added is kept from the collector as long as somebody adds it.</summary>
public class LeasesTests
{
    private static Digest Digest(int number) => Wharf.Specs.Image.Digest.OfBytes([(byte)number]);

    [Fact]
    public void A_digest_is_held_until_its_last_lease_ends()
    {
        var leases = new Leases();
        var first = leases.Take();
        using (var second = leases.Take())
        {
            first.Add(Digest(1));
            second.Add(Digest(1));
            second.Add(Digest(2));
            second.Add(Digest(2));
            leases.Held.ShouldBe([Digest(1), Digest(2)], ignoreOrder: true);
        }
        leases.Held.ShouldBe([Digest(1)]);
        first.Dispose();
        leases.Held.ShouldBeEmpty();
    }

    [Fact]
    public void Holding_all_ends_with_the_last_that_does_and_is_told_once()
    {
        int released = 0;
        var leases = new Leases { Released = () => released++ };
        var first = leases.HoldAll();
        var second = leases.HoldAll();
        leases.HoldsAll.ShouldBeTrue();
        first.Dispose();
        first.Dispose();
        leases.HoldsAll.ShouldBeTrue();
        released.ShouldBe(0);
        second.Dispose();
        leases.HoldsAll.ShouldBeFalse();
        released.ShouldBe(1);
    }
}
