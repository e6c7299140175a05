using Shouldly;
using Wharf.Engine.Containers.Devices;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using Xunit;

namespace Wharf.Tests.Engine.Containers.Devices;

public sealed class CdiTests : IDisposable
{
    private readonly string _low = Directory.CreateTempSubdirectory("cdi-low-").FullName, _high = Directory.CreateTempSubdirectory("cdi-high-").FullName;

    public void Dispose()
    {
        Directory.Delete(_low, recursive: true);
        Directory.Delete(_high, recursive: true);
    }

    private const string Gadget = """
        cdiVersion: 1.0.0
        kind: acme.com/gadget
        devices:
          - name: one
            containerEdits:
              env: [GADGET=one, NEW=1]
              deviceNodes:
                - {path: /dev/gadget, hostPath: /dev/null, permissions: rw}
          - name: two
            containerEdits:
              deviceNodes: [{path: /dev/null, type: c, major: 1, minor: 5, fileMode: 438, uid: 5}]
              mounts: [{hostPath: /usr/share, containerPath: /opt/share, options: [ro, bind]}]
              additionalGids: [0, 44]
        containerEdits:
          env: [ALL=yes]
          hooks:
            - {hookName: createContainer, path: /bin/true, args: [true, x], timeout: 3}
        """;

    private CdiRegistry Load() => CdiRegistry.Load([_low, _high, "/nowhere"]);

    private static DeviceRequest Cdi(params string[] names) => new() { Driver = "cdi", DeviceIDs = [.. names] };

    private static Spec Applied(CdiRegistry registry, params string[] names)
    {
        var spec = new Spec { Process = new Process { Env = ["PATH=/bin", "GADGET=mine"], User = new User { Uid = 7, Gid = 8 } }, Mounts = [new Wharf.Specs.Runtime.Mount { Destination = "/opt/share", Source = "/x" }], Linux = new LinuxSpec { Resources = new LinuxResources { Devices = [] } } };
        CdiInjection.Apply(spec, registry.Resolve([Cdi(names)]));
        return spec;
    }

    [Fact]
    public void Devices_are_put_into_a_containers_configuration()
    {
        File.WriteAllText(Path.Combine(_low, "gadget.yaml"), Gadget);
        var registry = Load();
        registry.Errors.ShouldBeEmpty();
        registry.Names.ShouldBe(["acme.com/gadget=one", "acme.com/gadget=two"]);
        var spec = Applied(registry, "acme.com/gadget=two", "acme.com/gadget=one", "acme.com/gadget=two");
        spec.Process!.Env.ShouldBe(["PATH=/bin", "GADGET=one", "ALL=yes", "NEW=1"]);
        spec.Process.User!.AdditionalGids.ShouldBe([44u]);
        spec.Hooks!.CreateContainer!.ShouldHaveSingleItem().ShouldSatisfyAllConditions(hook => hook.Args.ShouldBe(["true", "x"]), hook => hook.Timeout.ShouldBe(3));
        spec.Mounts!.ShouldHaveSingleItem().ShouldSatisfyAllConditions(mount => mount.Source.ShouldBe("/usr/share"), mount => mount.Type.ShouldBe("bind"));
        spec.Linux!.Devices!.Select(device => (device.Path, device.Type, device.Major, device.Minor, device.FileMode, device.Uid, device.Gid)).ShouldBe([("/dev/null", "c", 1, 5, 438u, 5u, 8u), ("/dev/gadget", "c", 1, 3, 438u, 7u, 8u)]);
        spec.Linux.Resources!.Devices!.Select(rule => (rule.Minor, rule.Access)).ShouldBe([(5, "rwm"), (3, "rw")]);
    }

    [Fact]
    public void A_later_directory_goes_before_and_a_name_twice_in_one_is_none()
    {
        File.WriteAllText(Path.Combine(_low, "gadget.yaml"), Gadget);
        File.WriteAllText(Path.Combine(_high, "gadget.json"), """{"cdiVersion": "0.3.0", "kind": "acme.com/gadget", "devices": [{"name": "one", "containerEdits": {"env": ["GADGET=high"]}}]}""");
        Applied(Load(), "acme.com/gadget=one").Process!.Env.ShouldBe(["PATH=/bin", "GADGET=high"]);
        File.Copy(Path.Combine(_high, "gadget.json"), Path.Combine(_high, "again.json"));
        var twice = Load();
        twice.Names.ShouldBe(["acme.com/gadget=two"]);
        twice.Errors.Values.ShouldHaveSingleItem().ShouldContain("conflicting device \"acme.com/gadget=one\"");
    }

    [Theory]
    [InlineData("""{"cdiVersion": "0.3.0", "kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/null"}]}}]}""", "failed to load CDI Spec invalid CDI Spec: the spec version must be at least v0.5.0")]
    [InlineData("""{"cdiVersion": "0.6.0", "kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"additionalGids": [5]}}]}""", "failed to load CDI Spec invalid CDI Spec: the spec version must be at least v0.7.0")]
    [InlineData("""{"cdiVersion": "0.4.0", "kind": "a.b/c", "devices": [{"name": "1", "containerEdits": {}}]}""", "failed to load CDI Spec invalid CDI Spec: the spec version must be at least v0.5.0")]
    [InlineData("""{"cdiVersion": "9.0.0", "kind": "a.b/c", "devices": [{"name": "x"}]}""", "failed to load CDI Spec invalid CDI Spec: invalid version \"9.0.0\"")]
    [InlineData("""{"cdiVersion": "1.0.0", "kind": "abc", "devices": [{"name": "x"}]}""", "failed to load CDI Spec invalid CDI Spec: invalid kind \"abc\"")]
    [InlineData("""{"cdiVersion": "1.0.0", "kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"mounts": [{"hostPath": "../x", "containerPath": "/y"}]}}]}""", "failed to load CDI Spec invalid CDI Spec: invalid mount, empty host or container path")]
    [InlineData("""{"cdiVersion": "1.0.0", "kind": "a.b/c", "devices": [{"name": "x", "containerEdits": {"hooks": [{"hookName": "later", "path": "/bin/true"}]}}]}""", "failed to load CDI Spec invalid CDI Spec: invalid hook \"later\", path \"/bin/true\"")]
    [InlineData("""{"cdiVersion": "1.0.0", "kind": "a.b/c", "devices": {"name": "x"}}""", null)]
    [InlineData("""[]""", null)]
    public void A_file_that_is_wrong_is_told_of_and_gives_no_device(string json, string? message)
    {
        File.WriteAllText(Path.Combine(_low, "wrong.json"), json);
        var registry = Load();
        registry.Names.ShouldBeEmpty();
        var error = registry.Errors.ShouldHaveSingleItem();
        error.Key.ShouldBe(Path.Combine(_low, "wrong.json"));
        if (message is not null) error.Value.ShouldBe(message);
    }

    [Fact]
    public void What_cannot_be_had_is_told_in_docker_s_words()
    {
        string Told(DeviceRequest request) => Should.Throw<WharfException>(() => Load().Resolve([request])).Message;
        Told(Cdi("a.b/c=d", "a.b/c=e")).ShouldBe("CDI device injection failed: unresolvable CDI devices a.b/c=d, a.b/c=e");
        var gpus = new DeviceRequest { Count = -1, Capabilities = [["gpu"]] };
        Told(gpus).ShouldBe("could not select device driver \"\" with capabilities: [[gpu]]");
        File.WriteAllText(Path.Combine(_low, "nvidia.json"), """{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"env": ["G=0"]}}, {"name": "1", "containerEdits": {"env": ["G=1"]}}, {"name": "all", "containerEdits": {"env": ["G=all"]}}]}""");
        string Given(DeviceRequest request) => string.Join(' ', Load().Resolve([request]).SelectMany(edits => edits.Environment));
        Given(gpus).ShouldBe("G=all");
        Given(gpus with { Count = 2 }).ShouldBe("G=0 G=1");
        Given(gpus with { Count = 0, DeviceIDs = ["1", "nvidia.com/gpu=0"] }).ShouldBe("G=1 G=0");
        Told(gpus with { Count = 3 }).ShouldBe("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=2");
        Told(gpus with { Capabilities = [["tpu"]] }).ShouldBe("could not select device driver \"\" with capabilities: [[tpu]]");
    }
}
