using CsCheck;
using Shouldly;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Specs.Image;

public sealed class DigestTests
{
    [Theory]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256:zz")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/../x")]
    public void Anything_but_a_registered_digest_is_refused(string text)
    {
        Digest.TryParse(text, out _).ShouldBeFalse();
        Should.Throw<WharfException>(() => Digest.Parse(text)).Kind.ShouldBe(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void The_digest_of_bytes_reads_back() =>
        Gen.Byte.Array.Sample(bytes => Digest.Parse(Digest.OfBytes(bytes).ToString()) == Digest.OfBytes(bytes));

    [Fact]
    public void The_empty_digest_is_known() =>
        Digest.OfBytes([]).ToString().ShouldBe("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
