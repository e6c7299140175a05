using System.Net;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Transports;

/// <summary>Spans of requests, as a collector gets them (OTLP over HTTP with JSON).</summary>
public sealed class TraceTests
{
    [Fact]
    public async Task A_request_is_a_span_and_the_child_of_its_callers()
    {
        int port = LocalRegistry.FreePort();
        using var collector = new HttpListener();
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--otlp-endpoint", $"http://127.0.0.1:{port}"]);
        const string Trace = "0af7651916cd43dd8448eb211c80319c", Parent = "b7ad6b7169203331";
        (await CommandResult.RunAsync("curl", ["-sS", "--unix-socket", daemon.Socket, "-H", $"traceparent: 00-{Trace}-{Parent}-01", "http://d/v1.51/containers/nope/json"])).ShouldExit(0);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var request = await collector.GetContextAsync().WaitAsync(patience.Token);
            request.Request.Url!.AbsolutePath.ShouldBe("/v1/traces");
            request.Request.ContentType.ShouldBe("application/json");
            using var document = await JsonDocument.ParseAsync(request.Request.InputStream, cancellationToken: patience.Token);
            request.Response.Close();
            var resource = document.RootElement.GetProperty("resourceSpans")[0];
            resource.GetProperty("resource").GetProperty("attributes")[0].GetProperty("value").GetProperty("stringValue").GetString().ShouldBe("wharf");
            var span = resource.GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray().FirstOrDefault(one => one.GetProperty("traceId").GetString() == Trace);
            if (span.ValueKind == JsonValueKind.Undefined) continue;
            span.GetProperty("parentSpanId").GetString().ShouldBe(Parent);
            span.GetProperty("name").GetString()!.ShouldStartWith("GET ");
            long started = long.Parse(span.GetProperty("startTimeUnixNano").GetString()!), ended = long.Parse(span.GetProperty("endTimeUnixNano").GetString()!);
            ended.ShouldBeGreaterThanOrEqualTo(started);
            span.GetProperty("attributes").EnumerateArray().Single(one => one.GetProperty("key").GetString() == "http.response.status_code").GetProperty("value").GetProperty("stringValue").GetString().ShouldBe("404");
            return;
        }
    }
}
