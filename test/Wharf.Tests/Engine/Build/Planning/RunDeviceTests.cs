using Shouldly;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Devices;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Build.Planning;

/// <summary>Which devices a step wants, and which of them it gets.</summary>
public sealed class RunDeviceTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-cdi-").FullName;

    public RunDeviceTests()
    {
        File.WriteAllText(Path.Combine(_directory, "a.yaml"), """
            cdiVersion: "0.6.0"
            kind: acme.com/gadget
            devices:
              - name: one
                annotations: {org.mobyproject.buildkit.device.class: fast}
                containerEdits: {env: [A=1]}
              - name: two
                annotations: {org.mobyproject.buildkit.device.class: fast}
                containerEdits: {env: [A=2]}
            """);
        File.WriteAllText(Path.Combine(_directory, "b.yaml"), """
            cdiVersion: "0.6.0"
            kind: acme.com/free
            annotations: {org.mobyproject.buildkit.device.autoallow: true}
            devices:
              - name: x
                containerEdits: {env: [A=3]}
            """);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static Dockerfile Parse(string device) => DockerfileParser.Parse($"FROM scratch\nRUN --device={device} true\n", "Dockerfile");

    private IEnumerable<string> Granted(string[] entitlements, params string[] wanted) =>
        DeviceGrants.Resolve(DeviceGrants.Parse(entitlements).Check([.. wanted.Select(static name => new RunDevice(name, Required: false))], CdiRegistry.Load([_directory])), CdiRegistry.Load([_directory]));

    [Theory]
    [InlineData("a,b", "invalid field 'b' must be a key=value pair")]
    [InlineData("name=x,name=y", "device name already set to x")]
    [InlineData("v.com/d=a,required=zz", "invalid value for required: zz")]
    [InlineData("v.com/d=a,foo=1", "unexpected key 'foo' in 'foo=1'")]
    [InlineData("", "failed to parse csv devices: EOF")]
    public void What_is_no_device_is_refused_in_BuildKits_words(string device, string problem) =>
        Should.Throw<DockerfileException>(() => Parse(device)).Message.ShouldBe("dockerfile parse error on line 2: " + problem);

    [Theory]
    [InlineData("v.com/d=a", "v.com/d=a", false)]
    [InlineData("v.com/d,required", "v.com/d", true)]
    [InlineData("required=1,name=v.com/d=a", "v.com/d=a", true)]
    [InlineData("v.com/d=*,required=false", "v.com/d=*", false)]
    public void A_device_has_a_name_and_may_be_required(string text, string name, bool required) =>
        RunDevice.Parse(text, Parse(text).Stages[0].Instructions[0]).ShouldBe(new RunDevice(name, required));

    [Theory]
    [InlineData("acme.com/gadget", "acme.com/gadget=one")]
    [InlineData("acme.com/gadget=two", "acme.com/gadget=two")]
    [InlineData("acme.com/gadget=*", "acme.com/gadget=one acme.com/gadget=two")]
    [InlineData("acme.com/gadget=fast", "acme.com/gadget=one acme.com/gadget=two")]
    [InlineData("acme.com/gadget=none", "")]
    public void A_name_means_one_device_the_first_all_or_a_class(string name, string devices) => string.Join(' ', Granted(["device"], name)).ShouldBe(devices);

    [Fact]
    public void Without_a_grant_only_devices_are_had_that_allow_it_themselves()
    {
        Granted([], "acme.com/free=x").ShouldBe(["acme.com/free=x"]);
        Granted(["network.host"], "acme.com/gadget=none").ShouldBeEmpty();
        Should.Throw<WharfException>(() => Granted([], "acme.com/gadget", "acme.com/free")).Message.ShouldBe("failed to load LLB: device acme.com/gadget=one is requested by the build but not allowed");
        Should.Throw<WharfException>(() => Granted(["device=acme.com/free"], "acme.com/gadget=*")).Message.ShouldBe("failed to load LLB: devices acme.com/gadget=one, acme.com/gadget=two are requested by the build but not allowed");
    }

    [Fact]
    public void A_grant_may_be_for_one_device_or_under_another_name()
    {
        Granted(["device=acme.com/gadget=one"], "acme.com/gadget=one").ShouldBe(["acme.com/gadget=one"]);
        Granted(["device=acme.com/gadget=*"], "acme.com/gadget=two").ShouldBe(["acme.com/gadget=two"]);
        Granted(["device=acme.com/gadget=two,alias=mine"], "mine").ShouldBe(["acme.com/gadget=two"]);
        Should.Throw<WharfException>(() => Granted(["device=acme.com/gadget=one"], "acme.com/gadget=two")).Message.ShouldContain("acme.com/gadget=two is requested");
        Should.Throw<WharfException>(() => Granted(["device=acme.com/gadget=two,alias=mine"], "acme.com/gadget=two")).Message.ShouldContain("not allowed");
        Should.Throw<WharfException>(() => DeviceGrants.Parse(["device=x,foo=1"])).Message.ShouldBe("unknown device config key \"foo\"");
        Should.Throw<WharfException>(() => DeviceGrants.Parse(["device=x,foo"])).Message.ShouldBe("invalid device config \"foo\"");
    }

    [Fact]
    public void A_required_device_that_is_not_there_is_an_error()
    {
        var registry = CdiRegistry.Load([_directory]);
        Should.Throw<WharfException>(() => DeviceGrants.Resolve([new RunDevice("acme.com/gadget=none", Required: true)], registry)).Message.ShouldBe("failed to load LLB: required device \"acme.com/gadget=none\" is not registered");
        Should.Throw<WharfException>(() => DeviceGrants.Resolve([new RunDevice("gadget", Required: false)], registry)).Message.ShouldBe("invalid device \"gadget\"");
    }
}
