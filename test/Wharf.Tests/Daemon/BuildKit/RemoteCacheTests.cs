using System.Buffers.Text;
using System.Text;
using Shouldly;
using Wharf.Cli.Building;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.RemoteCaches;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.BuildKit;

public sealed class RemoteCacheTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_000);

    private static string Token(string claims) => $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.signature";

    [Fact]
    public void A_workflows_token_says_which_branches_it_may_read_and_write()
    {
        var token = ActionsToken.Parse(Token("""{"exp": 2000, "ac": "[{\"Scope\":\"refs/heads/topic\",\"Permission\":3},{\"Scope\":\"refs/heads/main\",\"Permission\":1}]"}"""), Now);
        token.Readable.ShouldBe(["refs/heads/topic", "refs/heads/main"]);
        token.Writable.ShouldBe("refs/heads/topic");
    }

    [Theory]
    [InlineData("""{"exp": 2000}""", "invalid token without access controls")]
    [InlineData("""{"exp": 999, "ac": "[]"}""", "cache token expired at 1970-01-01 00:16:39Z")]
    [InlineData("""{"exp": 2000, "ac": "hidden"}""", "the token of the github actions cache cannot be read")]
    [InlineData("hidden", "the token of the github actions cache cannot be read")]
    public void What_is_wrong_with_a_token_is_told_without_it(string claims, string message) => Should.Throw<WharfException>(() => ActionsToken.Parse(Token(claims), Now)).Message.ShouldBe(message);

    [Fact]
    public void Places_are_named_without_their_credentials()
    {
        static string Text(string type, params (string, string)[] attributes) => new CachePlace(type, attributes.Append(("token", "hidden")).Append(("secret_access_key", "hidden")).ToDictionary(pair => pair.Item1, pair => pair.Item2)).Text;
        Text("s3", ("bucket", "b"), ("prefix", "team/")).ShouldBe("s3:b/team/buildkit");
        Text("s3", ("bucket", "b"), ("name", "other")).ShouldBe("s3:b/other");
        Text("azblob", ("container", "c")).ShouldBe("azblob:c/buildkit");
        Text("gha").ShouldBe("gha:buildkit");
        new FrontendOptions(new Dictionary<string, string> { ["filename"] = "f", ["cache-imports"] = """[{"Type":"gha","Attrs":{"token":"hidden"}}]""" }).Recorded().ShouldBe([new("filename", "f")]);
    }

    [Fact]
    public void Our_client_fills_in_what_its_environment_says()
    {
        static string Filled(string type, Dictionary<string, string> fields)
        {
            CacheCredentials.Complete(type, fields, name => name.StartsWith("A", StringComparison.Ordinal) ? name.ToLowerInvariant() : null);
            return string.Join(' ', fields.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"));
        }
        Filled("s3", []).ShouldBe("access_key_id=aws_access_key_id secret_access_key=aws_secret_access_key session_token=aws_session_token");
        Filled("s3", new() { ["access_key_id"] = "a", ["secret_access_key"] = "b" }).ShouldBe("access_key_id=a secret_access_key=b");
        Filled("gha", new() { ["token"] = "t" }).ShouldBe("token=t url_v2=actions_results_url version=2");
        Filled("azblob", []).ShouldBe("");
    }
}
