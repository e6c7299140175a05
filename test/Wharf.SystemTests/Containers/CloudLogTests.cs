using System.Security.Cryptography;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Log drivers of services in the cloud, each before a stand-in of its service.</summary>
public sealed class CloudLogTests(EngineFixture engine)
{
    private const string Token = "176FCEBF-4CF5-4EDF-91BC-703796522D20";

    private static bool HasLines(IReadOnlyCollection<Collected> requests, int count) => requests.Where(request => request.Method == "POST").SelectMany(request => request.Values()).Count() >= count;

    [Theory]
    [InlineData("inline", "--log-opt", "splunk-gzip=true")]
    [InlineData("json")]
    [InlineData("raw", "--log-opt", "splunk-index=main", "--log-opt", "splunk-source=here", "--log-opt", "splunk-sourcetype=app")]
    public async Task Splunk_gets_events(string format, params string[] more)
    {
        await using var splunk = new Collector();
        var name = "splunk-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync(["run", "--name", name, "--label", "colour=red", "--log-driver", "splunk", "--log-opt", "splunk-url=" + splunk.Address, "--log-opt", "splunk-token=" + Token,
            "--log-opt", "splunk-format=" + format, "--log-opt", "tag={{.Name}}", "--log-opt", "labels=colour", .. more, "busybox", "sh", "-c", "echo plain; echo '{\"a\": 1}'; echo; echo wrong >&2"])).ShouldExit(0);
        try
        {
            await splunk.UntilAsync(requests => HasLines(requests, format == "raw" ? 3 : 4));
            splunk.Requests.First().Method.ShouldBe("OPTIONS");
            var posts = splunk.Requests.Where(request => request.Method == "POST").ToList();
            posts.ShouldAllBe(request => request.Path == "/services/collector/event/1.0" && request.Headers["Authorization"] == "Splunk " + Token);
            var events = posts.SelectMany(request => request.Values()).ToList();
            events[0]["time"]!.GetValue<string>().ShouldMatch(@"^\d{10}\.\d{6}$");
            events[0]["host"]!.GetValue<string>().ShouldNotBeEmpty();
            if (format == "raw")
            {
                events.Select(item => item["event"]!.GetValue<string>()).Order().ShouldBe([$"{name} colour=red plain", $"{name} colour=red wrong", $"{name} colour=red {{\"a\": 1}}"], ignoreOrder: true);
                events[0]["index"]!.GetValue<string>().ShouldBe("main");
                events[0]["source"]!.GetValue<string>().ShouldBe("here");
                events[0]["sourcetype"]!.GetValue<string>().ShouldBe("app");
                return;
            }
            events.ShouldAllBe(item => item["event"]!["tag"]!.GetValue<string>() == name && item["event"]!["attrs"]!["colour"]!.GetValue<string>() == "red");
            var lines = events.Select(item => $"{item["event"]!["source"]}: {item["event"]!["line"]!.ToJsonString()}").ToList();
            lines.ShouldBe(["stdout: \"plain\"", format == "json" ? "stdout: {\"a\":1}" : "stdout: \"{\\u0022a\\u0022: 1}\"", "stdout: \"\"", "stderr: \"wrong\""], ignoreOrder: true);
            (await engine.DockerAsync("logs", name)).ShouldExit(0).Out.ShouldBe("plain\n{\"a\": 1}\n\n");
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
    }

    [Fact]
    public async Task A_container_does_not_start_when_its_collector_refuses()
    {
        await using var splunk = new Collector(_ => (403, "no such token"));
        var run = await engine.DockerAsync("run", "--rm", "--log-driver", "splunk", "--log-opt", "splunk-url=" + splunk.Address, "--log-opt", "splunk-token=" + Token, "busybox", "true");
        run.ShouldExit(125).Error.ShouldContain("splunk: failed to verify connection");
        run.Error.ShouldContain("no such token");
        // Asked not to look, it runs.
        (await engine.DockerAsync("run", "--rm", "--log-driver", "splunk", "--log-opt", "splunk-url=" + splunk.Address, "--log-opt", "splunk-token=" + Token, "--log-opt", "splunk-verify-connection=false", "busybox", "true")).ShouldExit(0);
    }

    [Theory]
    [InlineData("splunk", "splunk: splunk-url is expected")]
    [InlineData("splunk", "unknown log opt 'foo' for splunk log driver", "splunk-url=http://127.0.0.1:1", "splunk-token=x", "foo=x")]
    [InlineData("awslogs", "must specify a value for log opt 'awslogs-group'")]
    [InlineData("awslogs", "unknown log opt 'foo' for awslogs log driver", "awslogs-group=g", "foo=x")]
    [InlineData("awslogs", "must specify valid value for log opt 'awslogs-create-group'", "awslogs-group=g", "awslogs-create-group=x")]
    [InlineData("awslogs", "must specify a positive integer for log opt 'awslogs-max-buffered-events'", "awslogs-group=g", "awslogs-max-buffered-events=-1")]
    [InlineData("awslogs", "at the same time", "awslogs-group=g", "awslogs-datetime-format=%Y", "awslogs-multiline-pattern=^x")]
    [InlineData("gcplogs", "\"foo\" is not a valid option for the gcplogs driver", "foo=x")]
    public async Task Options_are_looked_at_when_a_container_is_made(string driver, string message, params string[] options)
    {
        Assert.SkipUnless(engine.IsWharf || driver != "gcplogs", "Debian's docker has no gcplogs");
        Assert.SkipUnless(engine.IsWharf || options.Length > 0, "docker tells what is missing when the container starts");
        (await engine.DockerAsync(["create", "--log-driver", driver, .. options.SelectMany(option => (string[])["--log-opt", option]), "busybox", "true"])).ShouldExit(1).Error.ShouldContain(message);
    }

    [Fact]
    public async Task CloudWatch_gets_events_signed_in_a_stream_that_is_made()
    {
        Assert.SkipUnless(engine.IsWharf, "credentials are the daemon's own");
        int asked = 0;
        await using var service = new Collector(request => request.Headers["X-Amz-Target"] == "Logs_20140328.CreateLogStream" && asked++ == 0 ? (400, "{\"__type\":\"ResourceNotFoundException\"}") : (200, "{}"));
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--bridge", "none"],
            environment: new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = "AKIDEXAMPLE", ["AWS_SECRET_ACCESS_KEY"] = "secret", ["AWS_SESSION_TOKEN"] = "session" });
        await daemon.ImportBusyboxAsync();
        var run = await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "run", "--rm", "--network", "none", "--name", "aws", "--log-driver", "awslogs", "--log-opt", "awslogs-endpoint=" + service.Address,
            "--log-opt", "awslogs-region=eu-central-1", "--log-opt", "awslogs-group=group", "--log-opt", "awslogs-stream=stream", "--log-opt", "awslogs-create-group=true", "--log-opt", "awslogs-datetime-format=%Y-%m-%d",
            "busybox", "sh", "-c", "echo 2026-11-26 first; echo '  more of it'; echo 2026-11-27 second"]);
        run.ShouldExit(0);
        await service.UntilAsync(requests => requests.Any(request => request.Headers["X-Amz-Target"] == "Logs_20140328.PutLogEvents"));
        service.Requests.Select(request => request.Headers["X-Amz-Target"]!["Logs_20140328.".Length..]).ShouldBe(["CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents"]);
        service.Requests.ShouldAllBe(request => request.Headers["X-Amz-Security-Token"] == "session" && request.Headers["Content-Type"] == "application/x-amz-json-1.1");
        service.Requests.Last().Headers["Authorization"]!.ShouldMatch("^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\\d{8}/eu-central-1/logs/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$");
        var put = service.Requests.Last().Values().Single();
        put["logGroupName"]!.GetValue<string>().ShouldBe("group");
        put["logStreamName"]!.GetValue<string>().ShouldBe("stream");
        put["logEvents"]!.AsArray().Select(item => item!["message"]!.GetValue<string>()).ShouldBe(["2026-11-26 first\n  more of it\n", "2026-11-27 second\n"]);
    }

    [Fact]
    public async Task Google_gets_entries_with_a_token_that_the_key_bought()
    {
        Assert.SkipUnless(engine.IsWharf, "credentials are the daemon's own");
        await using var google = new Collector(request => request.Path == "/token" ? (200, "{\"access_token\":\"bought\",\"expires_in\":3600}") : (200, "{}"));
        using var rsa = RSA.Create(2048);
        var key = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(key, new System.Text.Json.Nodes.JsonObject
            {
                ["type"] = "service_account", ["client_email"] = "wharf@example.com", ["token_uri"] = google.Address + "/token", ["private_key"] = rsa.ExportPkcs8PrivateKeyPem(),
            }.ToJsonString(), TestContext.Current.CancellationToken);
            await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--bridge", "none"],
                environment: new Dictionary<string, string> { ["GOOGLE_APPLICATION_CREDENTIALS"] = key, ["CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING"] = google.Address, ["GCE_METADATA_HOST"] = "127.0.0.1:1" });
            await daemon.ImportBusyboxAsync();
            (await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "run", "--rm", "--network", "none", "--name", "gcp", "--env", "COLOUR=red", "--log-driver", "gcplogs", "--log-opt", "gcp-project=project", "--log-opt", "gcp-log-cmd=true",
                "--log-opt", "env=COLOUR", "busybox", "echo", "hello"])).ShouldExit(0);
            await google.UntilAsync(requests => requests.Any(request => request.Body.Contains("hello", StringComparison.Ordinal)));
            var writes = google.Requests.Where(request => request.Path == "/v2/entries:write").ToList();
            writes.ShouldAllBe(request => request.Headers["Authorization"] == "Bearer bought");
            var written = writes.Last().Values().Single();
            written["logName"]!.GetValue<string>().ShouldBe("projects/project/logs/gcplogs-docker-driver");
            var payload = written["entries"]![0]!["jsonPayload"]!;
            payload["message"]!.GetValue<string>().ShouldBe("hello");
            payload["container"]!["name"]!.GetValue<string>().ShouldBe("/gcp");
            payload["container"]!["command"]!.GetValue<string>().ShouldContain("echo hello");
            payload["container"]!["metadata"]!["COLOUR"]!.GetValue<string>().ShouldBe("red");
            var claims = google.Requests.First(request => request.Path == "/token").Body.Split("assertion=")[1].Split('.');
            rsa.VerifyData(System.Text.Encoding.ASCII.GetBytes($"{claims[0]}.{claims[1]}"), System.Buffers.Text.Base64Url.DecodeFromChars(claims[2]), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).ShouldBeTrue();
            google.Requests.Count(request => request.Path == "/token").ShouldBe(1);
        }
        finally { File.Delete(key); }
    }
}
