using Shouldly;
using Wharf.Engine.Build;
using Xunit;

namespace Wharf.Tests.Engine.Build;

public sealed class RemoteAddressTests
{
    [Theory]
    [InlineData("https://user:pass@host/x.git#main:sub", "https://xxxxx:xxxxx@host/x.git#main:sub")]
    [InlineData("https://token@host", "https://xxxxx:xxxxx@host")]
    [InlineData("http://a:b@c@host/p@q", "http://xxxxx:xxxxx@host/p@q")]
    [InlineData("https://host/x@1?ref=a@b", "https://host/x@1?ref=a@b")]
    [InlineData("https://host#a@b", "https://host#a@b")]
    [InlineData("fatal: unable to access 'http://u:p@one/': and \"ssh://git@two/x\" too", "fatal: unable to access 'http://xxxxx:xxxxx@one/': and \"ssh://xxxxx:xxxxx@two/x\" too")]
    [InlineData("git@host:x.git", "git@host:x.git")]
    [InlineData("://", "://")]
    [InlineData("a://@", "a://xxxxx:xxxxx@")]
    [InlineData("", "")]
    public void An_address_is_told_without_its_name_and_password(string text, string told) => RemoteAddress.Redacted(text).ShouldBe(told);
}
