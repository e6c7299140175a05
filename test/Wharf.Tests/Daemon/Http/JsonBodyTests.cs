using System.Text;
using Shouldly;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

/// <summary>What is wrong with a body is told as docker tells it (taken from dockerd 28.5).</summary>
public sealed class JsonBodyTests
{
    private static ContainerCreateRequest Parse(string json) => JsonBody.Parse(Encoding.UTF8.GetBytes(json), DockerApiJson.Default.ContainerCreateRequest);

    [Theory]
    [InlineData("", "invalid JSON: got EOF while reading request body")]
    [InlineData(" \n", "invalid JSON: got EOF while reading request body")]
    [InlineData("{", "invalid JSON: unexpected EOF")]
    [InlineData("{\"Image\":\"x\"", "invalid JSON: unexpected EOF")]
    [InlineData("{\"Image\":\"x\"} {\"a\":1}", "unexpected content after JSON")]
    [InlineData("{\"Image\":\"x\"} garbage", "unexpected content after JSON")]
    [InlineData("{\"Image\":5}", "invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string")]
    [InlineData("{\"Tty\":\"true\"}", "invalid JSON: json: cannot unmarshal string into Go struct field .Tty of type bool")]
    [InlineData("{\"HostConfig\":{\"Memory\":\"a\"}}", "invalid JSON: json: cannot unmarshal string into Go struct field .HostConfig.Memory of type int64")]
    [InlineData("{\"HostConfig\":{\"Memory\":1.5}}", "invalid JSON: json: cannot unmarshal number 1.5 into Go struct field .HostConfig.Memory of type int64")]
    [InlineData("{\"Labels\":{\"a\":5}}", "invalid JSON: json: cannot unmarshal number into Go struct field .Labels.a of type string")]
    [InlineData("{x}", "invalid JSON: invalid character 'x' looking for beginning of object key string")]
    [InlineData("xyz", "invalid JSON: invalid character 'x' looking for beginning of value")]
    [InlineData("{\"Image\":\"x\" \"y\"}", "invalid JSON: invalid character '\"' after object key:value pair")]
    public void A_bad_body_is_told_in_dockers_words(string json, string message) =>
        Should.Throw<WharfException>(() => Parse(json)).ShouldSatisfyAllConditions(error => error.Kind.ShouldBe(ErrorKind.InvalidArgument), error => error.Message.ShouldBe(message));

    [Theory]
    [InlineData("{\"Image\":\"a\\ud800b\"}", "a\ufffdb")]
    [InlineData("{\"Image\":\"\\udc00\\ud83d\\ude00\"}", "\ufffd\ud83d\ude00")]
    [InlineData("{\"Image\":\"\\\\ud800\",\"Cmd\":[\"\\ud800\"]}", "\\ud800")]
    public void A_surrogate_alone_is_a_replacement_character(string json, string image) => Parse(json).Image.ShouldBe(image);

    [Fact]
    public void Bytes_that_are_no_text_are_replacement_characters()
    {
        byte[] body = [.. "{\"Labels\":{\"a"u8, 0xff, .. "\":\"b"u8, 0xc3, .. "\"}}"u8];
        JsonBody.Parse(body, DockerApiJson.Default.ContainerCreateRequest).Labels!.ShouldHaveSingleItem().ShouldBe(new("a\ufffd", "b\ufffd"));
    }

    [Fact]
    public void A_name_that_is_no_text_does_not_hide_what_is_wrong()
    {
        byte[] body = [.. "{\"a"u8, 0xff, .. "\":1,\"Image\":5}"u8];
        Should.Throw<WharfException>(() => JsonBody.Parse(body, DockerApiJson.Default.ContainerCreateRequest)).Message
            .ShouldBe("invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string");
    }

    [Fact]
    public void Null_is_an_empty_object() => Parse("null").Image.ShouldBeNull();

    [Fact]
    public void White_space_may_follow() => Parse("{\"image\":\"x\"}\n \n").Image.ShouldBe("x");

    [Theory]
    [InlineData("", "malformed Content-Type header (): mime: no media type")]
    [InlineData("text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'")]
    public void A_body_must_say_that_it_is_json(string header, string message) =>
        Should.Throw<WharfException>(() => JsonBody.CheckContentType(header)).Message.ShouldBe(message);

    [Fact]
    public void The_charset_does_not_matter() => JsonBody.CheckContentType("application/json; charset=utf-8");

    [Fact]
    public void Answers_escape_no_more_than_json_asks_for()
    {
        var bytes = ApiJson.Write(new ErrorResponse { Message = "it's <a> \"b\" é" }, DockerApiJson.Default.ErrorResponse, "\n"u8);
        Encoding.UTF8.GetString(bytes.Span).ShouldBe("{\"message\":\"it's <a> \\\"b\\\" é\"}\n");
    }

    [Fact]
    public void Bytes_are_no_list_whose_empty_places_are_filled() =>
        JsonBody.Parse("""{"Name":"n","Labels":{"a":null},"Data":"AAEC"}"""u8, WharfJson.Default.SecretCreateRequest)
            .ShouldSatisfyAllConditions(secret => secret.Data.ShouldBe(new byte[] { 0, 1, 2 }), secret => secret.Labels!["a"].ShouldBe(""));
}
