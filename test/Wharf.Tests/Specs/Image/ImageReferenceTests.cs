using CsCheck;
using Shouldly;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Specs.Image;

/// <summary>The reference grammar of the distribution project.</summary>
public class ImageReferenceTests
{
    private const string Hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("busybox", "docker.io/library/busybox", "busybox")]
    [InlineData("a/b", "docker.io/a/b", "a/b")]
    [InlineData("index.docker.io/busybox:1", "docker.io/library/busybox:1", "busybox:1")]
    [InlineData("localhost/a", "localhost/a", "localhost/a")]
    [InlineData("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b")]
    [InlineData("ghcr.io/a/b/c:t", "ghcr.io/a/b/c:t", "ghcr.io/a/b/c:t")]
    [InlineData("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a")]
    [InlineData("a.b:1", "docker.io/library/a.b:1", "a.b:1")]
    [InlineData("x@sha256:" + Hex, "docker.io/library/x@sha256:" + Hex, "x@sha256:" + Hex)]
    [InlineData("x:t@sha256:" + Hex, "docker.io/library/x:t@sha256:" + Hex, "x:t@sha256:" + Hex)]
    [InlineData("UPPER.io/a", "UPPER.io/a", "UPPER.io/a")]
    public void A_name_has_a_canonical_and_a_familiar_form(string text, string canonical, string familiar)
    {
        var reference = ImageReference.Parse(text);
        reference.Canonical.ShouldBe(canonical);
        reference.Familiar.ShouldBe(familiar);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":x")]
    [InlineData("a:")]
    [InlineData("a:-x")]
    [InlineData("A")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a..b")]
    [InlineData("-a")]
    [InlineData("a@sha256:abc")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("../etc/passwd")]
    [InlineData(Hex)]
    [InlineData("a@md5:d41d8cd98f00b204e9800998ecf8427e")]
    public void What_is_no_name_is_refused(string text) => ImageReference.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void A_tag_longer_than_128_and_a_name_longer_than_255_are_refused()
    {
        ImageReference.TryParse("a:" + new string('x', 128), out _).ShouldBeTrue();
        ImageReference.TryParse("a:" + new string('x', 129), out _).ShouldBeFalse();
        ImageReference.TryParse("h.io/" + new string('a', 256), out _).ShouldBeFalse();
    }

    [Fact]
    public void Both_forms_mean_the_same_image()
    {
        var part = Gen.Char["abz09"].Array[1, 6].Select(chars => new string(chars));
        Gen.Select(part.Array[1, 3], Gen.Bool, part).Sample((parts, withHost, tag) =>
        {
            var reference = ImageReference.Parse($"{(withHost ? "host.io:5000/" : "")}{string.Join('/', parts)}:{tag}");
            ImageReference.Parse(reference.Familiar).ShouldBe(reference);
            ImageReference.Parse(reference.Canonical).ShouldBe(reference);
        });
    }

    [Theory]
    [InlineData("a", "t", "a:t")]
    [InlineData("a:old", "new", "a:new")]
    [InlineData("a:old", "", "a:old")]
    [InlineData("a", null, "a:latest")]
    public void Repository_and_tag_given_apart_make_one_name(string repository, string? tag, string expected) => ImageReference.FromParts(repository, tag)!.Familiar.ShouldBe(expected);

    [Fact]
    public void A_digest_is_no_repository_to_tag_and_nothing_gives_nothing()
    {
        Should.Throw<WharfException>(() => ImageReference.FromParts("a@sha256:" + Hex, "t")).Message.ShouldBe("cannot import digest reference");
        Should.Throw<WharfException>(() => ImageReference.FromParts("a", "-t")).Message.ShouldBe("invalid tag format");
        ImageReference.FromParts("", "t").ShouldBeNull();
    }
}
