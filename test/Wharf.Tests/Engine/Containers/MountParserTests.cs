using Shouldly;
using Wharf.Engine.Volumes;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class MountParserTests
{
    [Fact]
    public void Binds_volumes_and_anonymous_volumes_are_told_apart()
    {
        MountParser.ParseBind("/host/./a:/in/../in").ShouldBe(new MountPlan { Type = "bind", Source = "/host/a", Destination = "/in", CreateSource = true });
        MountParser.ParseBind("/host:/in:ro,rshared").ShouldBe(new MountPlan { Type = "bind", Source = "/host", Destination = "/in", Propagation = "rshared", Mode = "ro,rshared", ReadOnly = true, CreateSource = true });
        MountParser.ParseBind("data:/in").ShouldBe(new MountPlan { Type = "volume", Volume = "data", Destination = "/in", Mode = "z" });
        MountParser.ParseBind("data:/in:nocopy").ShouldBe(new MountPlan { Type = "volume", Volume = "data", Destination = "/in", Mode = "nocopy", NoCopy = true });
        MountParser.ParseBind("/anon").ShouldBe(new MountPlan { Type = "volume", Destination = "/anon", Mode = "z" });
    }

    [Theory]
    [InlineData("/a:/b:zz", "invalid mode: zz")]
    [InlineData("/a:ro", "invalid volume specification: '/a:ro'")]
    [InlineData("/a:", "invalid volume specification: '/a:'")]
    [InlineData("/a:/b:ro,rw", "invalid mode: ro,rw")]
    [InlineData("/a:b", "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute")]
    [InlineData("/a:/", "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'")]
    [InlineData("/a:/b/..", "invalid volume specification: '/a:/b/..': invalid mount config for type \"bind\": invalid specification: destination can't be '/'")]
    [InlineData("/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'")]
    public void Bad_binds_are_refused_in_dockers_words(string text, string message) => Should.Throw<WharfException>(() => MountParser.ParseBind(text)).Message.ShouldBe(message);

    [Theory]
    [InlineData("bogus", "", "/x", "invalid mount config for type \"bogus\": mount type unknown")]
    [InlineData("bind", "", "/x", "invalid mount config for type \"bind\": field Source must not be empty")]
    [InlineData("bind", "/nosuch-dir", "/x", "invalid mount config for type \"bind\": bind source path does not exist: /nosuch-dir")]
    [InlineData("bind", "/", "", "invalid mount config for type \"bind\": field Target must not be empty")]
    [InlineData("tmpfs", "/tmp", "/x", "invalid mount config for type \"tmpfs\": field Source must not be specified")]
    public void Bad_mounts_are_refused_in_dockers_words(string type, string source, string target, string message) =>
        Should.Throw<WharfException>(() => MountParser.ParseMount(new Mount { Type = type, Source = source, Target = target })).Message.ShouldBe(message);

    [Theory]
    [InlineData("../x")]
    [InlineData("/etc")]
    [InlineData("a/../../b")]
    public void A_subpath_stays_in_its_volume(string subpath) =>
        Should.Throw<WharfException>(() => MountParser.ParseMount(new Mount { Type = "volume", Source = "v", Target = "/x", VolumeOptions = new MountVolumeOptions { Subpath = subpath } }));
}
