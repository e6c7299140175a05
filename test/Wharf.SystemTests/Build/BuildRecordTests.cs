using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Records of builds as <c>docker buildx history</c> shows and exports them; importing and opening them is Docker Desktop's, and asks no engine.</summary>
public sealed class BuildRecordTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-records-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    /// <summary>Builds; gives the record's reference.</summary>
    private async Task<string> BuildAsync(string dockerfile, int exitCode, params string[] args)
    {
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), dockerfile);
        var build = await Buildx.RunAsync(engine, ["buildx", "build", "--progress=plain", .. args, _context]);
        build.ShouldExit(exitCode);
        return (await HistoryAsync("ls", "--format", "{{.Ref}}")).Text.Split('\n')[0].Split('/')[^1];
    }

    private async Task<CommandResult> HistoryAsync(params string[] args) => (await Buildx.RunAsync(engine, ["buildx", "history", .. args])).ShouldExit(0);

    [Fact]
    public async Task A_failed_build_keeps_its_error_its_place_and_its_log()
    {
        var id = Guid.NewGuid().ToString("n");
        var record = await BuildAsync($"FROM busybox\nRUN echo said-{id}\nRUN exit 7\n", 1);
        var told = JsonNode.Parse((await HistoryAsync("inspect", record, "--format", "json")).Out)!;
        told["Status"]!.GetValue<string>().ShouldBe("failed");
        told["Error"]!["Message"]!.GetValue<string>().ShouldBe("process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7");
        told["Error"]!["Name"]!.GetValue<string>().ShouldBe("[3/3] RUN exit 7");
        Encoding.UTF8.GetString(Convert.FromBase64String(told["Error"]!["Sources"]!.GetValue<string>())).ShouldContain("   3 | >>> RUN exit 7\n");
        (await HistoryAsync("inspect", record)).Out.ShouldContain(">>> RUN exit 7");
        (await HistoryAsync("logs", record)).Error.ShouldSatisfyAllConditions(log => log.ShouldContain($"said-{id}"), log => log.ShouldContain("exit code: 7"));
        (await HistoryAsync("logs", "--progress=rawjson", record)).Error.ShouldContain("\"vertexes\"");
        (await HistoryAsync("ls", "--filter", "status=error", "--format", "{{.Ref}}")).Text.ShouldContain(record);
    }

    [Theory]
    [InlineData("FROM busybox\nRUN echo ID\n", 0, "application/vnd.buildkit.status.v0")]
    [InlineData("FROM busybox\nRUN echo ID && false\n", 1, "application/vnd.buildkit.status.v0 application/vnd.googeapis.google.rpc.status+proto")]
    public async Task An_exported_record_has_what_was_told_and_what_went_wrong(string dockerfile, int exitCode, string layers)
    {
        var id = Guid.NewGuid().ToString("n");
        var record = await BuildAsync(dockerfile.Replace("ID", id, StringComparison.Ordinal), exitCode, "--provenance=false");
        var bundle = Path.Combine(_context, "record.dockerbuild");
        await HistoryAsync("export", "-o", bundle, record);
        var files = await UnpackAsync(bundle);
        files.Keys.ShouldBeSubsetOf(["index.json", "oci-layout", .. files.Keys.Where(name => name.StartsWith("blobs/sha256/", StringComparison.Ordinal))]);
        foreach (var (name, bytes) in files.Where(file => file.Key.StartsWith("blobs/", StringComparison.Ordinal))) name[^64..].ShouldBe(Convert.ToHexStringLower(SHA256.HashData(bytes)));
        byte[] Blob(JsonNode descriptor) => files["blobs/sha256/" + descriptor["digest"]!.GetValue<string>()["sha256:".Length..]];
        var manifest = JsonNode.Parse(Blob(JsonNode.Parse(files["index.json"])!["manifests"]![0]!))!;
        manifest["config"]!["mediaType"]!.GetValue<string>().ShouldBe("application/vnd.buildkit.historyrecord.v0");
        var told = JsonNode.Parse(Blob(manifest["config"]!))!;
        told["Ref"]!.GetValue<string>().ShouldBe(record);
        var log = manifest["layers"]!.AsArray().Single(layer => layer!["mediaType"]!.GetValue<string>() == "application/vnd.buildkit.status.v0")!;
        told["logs"]!["digest"]!.GetValue<string>().ShouldBe(log["digest"]!.GetValue<string>());
        // A trace comes with it, with dockerd once it is whole.
        var types = manifest["layers"]!.AsArray().Select(layer => layer!["mediaType"]!.GetValue<string>()).Where(type => !type.Contains("otlp", StringComparison.Ordinal)).ToList();
        foreach (var type in layers.Split(' ')) types.ShouldContain(type);
        Encoding.Latin1.GetString(Blob(log)).ShouldContain(id);
        (await HistoryAsync("export", "--all", "-o", bundle)).Error.ShouldBeEmpty();
        (await UnpackAsync(bundle)).Count.ShouldBeGreaterThanOrEqualTo(files.Count);
    }

    private static async Task<Dictionary<string, byte[]>> UnpackAsync(string bundle)
    {
        await using var plain = new GZipStream(File.OpenRead(bundle), CompressionMode.Decompress);
        await using var tar = new TarReader(plain);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        while (await tar.GetNextEntryAsync(copyData: true) is { } entry)
        {
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) continue;
            using var bytes = new MemoryStream();
            if (entry.DataStream is { } data) await data.CopyToAsync(bytes);
            files[entry.Name] = bytes.ToArray();
        }
        return files;
    }

    /// <summary>What <c>buildx history trace</c> shows, where a buildx has it (Debian's has not).</summary>
    [Fact]
    public async Task A_record_has_a_trace_with_a_span_for_each_step()
    {
        var id = Guid.NewGuid().ToString("n");
        var record = await BuildAsync($"FROM busybox\nRUN echo {id}\nRUN exit 7\n", 1, "--provenance=false");
        var bundle = Path.Combine(_context, "record.dockerbuild");
        await HistoryAsync("export", "--finalize", "-o", bundle, record);
        var files = await UnpackAsync(bundle);
        var manifest = files.Values.Select(static bytes => bytes[0] == '{' ? Encoding.UTF8.GetString(bytes) : "").Single(static text => text.Contains("application/vnd.buildkit.otlp.json.v0", StringComparison.Ordinal) && text.Contains("\"layers\"", StringComparison.Ordinal));
        var layer = JsonNode.Parse(manifest)!["layers"]!.AsArray().Single(layer => layer!["mediaType"]!.GetValue<string>() == "application/vnd.buildkit.otlp.json.v0")!;
        var spans = new List<JsonNode>();
        for (var rest = files["blobs/sha256/" + layer["digest"]!.GetValue<string>()["sha256:".Length..]].AsSpan(); !rest.Trim(" \n"u8).IsEmpty;)
        {
            var reader = new System.Text.Json.Utf8JsonReader(rest, isFinalBlock: true, new System.Text.Json.JsonReaderState(new System.Text.Json.JsonReaderOptions { AllowMultipleValues = true }));
            spans.Add(JsonNode.Parse(ref reader)!);
            rest = rest[(int)reader.BytesConsumed..];
        }
        JsonNode Named(string name) => spans.First(span => span["Name"]!.GetValue<string>() == name && span["SpanKind"]!.GetValue<int>() < 3);
        var (done, failed) = (Named($"[2/3] RUN echo {id}"), Named("[3/3] RUN exit 7"));
        done["Attributes"]![0]!.ToJsonString().ShouldMatch("^{\"Key\":\"vertex\",\"Value\":{\"Type\":\"STRING\",\"Value\":\"sha256:[0-9a-f]{64}\"}}$");
        DateTimeOffset Time(JsonNode span, string name) => span[name]!.GetValue<DateTimeOffset>();
        Time(done, "StartTime").ShouldBeLessThan(Time(done, "EndTime"));
        Time(failed, "StartTime").ShouldBeGreaterThanOrEqualTo(Time(done, "EndTime"));
        failed["Status"]!["Code"]!.GetValue<int>().ShouldBe(1);
        failed["Status"]!["Description"]!.GetValue<string>().ShouldContain("exit code: 7");
        var build = spans.Single(span => span["SpanContext"]!["SpanID"]!.GetValue<string>() == done["Parent"]!["SpanID"]!.GetValue<string>());
        build["Name"]!.GetValue<string>().ShouldBe("moby.buildkit.v1.Control/Solve");
        // It goes on with the trace of the client.
        build["Parent"]!["SpanID"]!.GetValue<string>().ShouldNotBe(new string('0', 16));
        spans.Select(span => span["SpanContext"]!["TraceID"]!.GetValue<string>()).Distinct().Count().ShouldBe(1);
    }

    /// <summary>Where a result came from is in each record, whatever became of the result and whatever was to stand beside it.</summary>
    [Theory]
    [InlineData("-t", "records-made")]
    [InlineData("-o", "type=cacheonly")]
    [InlineData("-o", "type=local,dest=DIRECTORY/out")]
    public async Task A_record_has_its_provenance_attached(string flag, string value)
    {
        var record = await BuildAsync($"FROM busybox\nARG WHO\nRUN echo {Guid.NewGuid()} $WHO\n", 0, "--provenance=false", "--build-arg", "WHO=me", flag, value.Replace("DIRECTORY", _context, StringComparison.Ordinal));
        var told = (await HistoryAsync("inspect", record)).Out;
        told.ShouldContain("https://slsa.dev/provenance/v0.2");
        told.ShouldMatch(@"pkg:docker/busybox@latest\?platform=\S+\s+sha256:[0-9a-f]{64}");
        if (flag == "-t") told.ShouldContain("application/vnd.docker.container.image.v1+json");
        var provenance = JsonNode.Parse((await HistoryAsync("inspect", "attachment", record, "--type", "https://slsa.dev/provenance/v0.2")).Out)!;
        provenance["buildType"]!.GetValue<string>().ShouldBe("https://mobyproject.org/buildkit@v1");
        provenance["invocation"]!["parameters"]!["args"]!["build-arg:WHO"]!.GetValue<string>().ShouldBe("me");
    }

    /// <summary>What two records have in common, and only that, outlives one of them.</summary>
    [Fact]
    public async Task A_record_that_is_removed_takes_nothing_of_another()
    {
        var id = Guid.NewGuid().ToString("n");
        var first = await BuildAsync($"FROM busybox\nRUN echo {id} && exit 9\n", 1);
        var second = await BuildAsync($"FROM busybox\nRUN echo {id} && exit 9\n", 1);
        first.ShouldNotBe(second);
        await HistoryAsync("rm", first);
        (await HistoryAsync("inspect", second)).Out.ShouldContain($">>> RUN echo {id} && exit 9");
        (await HistoryAsync("logs", second)).Error.ShouldContain("exit code: 9");
        (await Buildx.RunAsync(engine, ["buildx", "history", "logs", first])).ExitCode.ShouldNotBe(0);
        await HistoryAsync("rm", second);
    }

    /// <summary>There are fifty records at most. Each of these has a log, a trace and an attestation of its own, and all have one manifest.</summary>
    [Fact]
    public async Task The_oldest_records_go_with_what_was_kept_for_them()
    {
        Assert.SkipUnless(engine.IsWharf, "it looks into the data root");
        const int Most = 50;
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--bridge", "none"]);
        await daemon.ImportBusyboxAsync();
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nLABEL a=b\n", TestContext.Current.CancellationToken);
        async Task<List<string>> BuildAsync(int times)
        {
            for (int i = 0; i < times; i++) (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", $"unix://{daemon.Socket}", "build", "-q", "-t", "recorded", _context])).ShouldExit(0);
            return [.. Directory.GetFiles(Path.Combine(daemon.Root, "data", "build", "history", "blobs")).Order(StringComparer.Ordinal)];
        }

        var first = await BuildAsync(1);
        var full = await BuildAsync(Most - 1);
        full.Intersect(first).Count().ShouldBe(first.Count);
        var later = await BuildAsync(3);
        later.Count.ShouldBe(full.Count);
        later.Intersect(first).Count().ShouldBe(1);
    }
}
