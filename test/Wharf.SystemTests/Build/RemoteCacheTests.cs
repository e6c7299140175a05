using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Registry;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>
/// The cache in stores that are no registry: S3, Azure and GitHub Actions. Debian's dockerd has none of them, and its buildx leaves out S3 and GitHub Actions without a word: there the client is ours.
/// </summary>
public sealed class RemoteCacheTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-remote-cache-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private Task<CommandResult> BuildAsync(bool buildx, params string[] args) =>
        buildx ? Buildx.RunAsync(engine, ["build", "--provenance=mode=max", .. args, _context]) : engine.WharfAsync(["build", "--progress=plain", "--provenance=mode=max", .. args, _context]);

    private async Task<string> ReadAsync(string path) => (await engine.DockerAsync("run", "--rm", "remote-cache", "cat", path)).ShouldExit(0).Text;

    private async Task ForgetAsync()
    {
        (await engine.DockerAsync("rmi", "-f", "remote-cache")).ShouldExit(0);
        (await engine.DockerAsync("builder", "prune", "-af")).ShouldExit(0);
    }

    /// <summary>Two stages with results that no second run gives again, out and in; neither records nor messages hold a secret.</summary>
    private async Task TravelAsync(bool buildx, string place, IReadOnlyList<string> secrets, string exporting)
    {
        if (!engine.IsWharf) Assert.Skip("Debian's dockerd knows no such cache");
        if (buildx) Buildx.Require("docker-buildx");
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox AS make\nCOPY f /f\nRUN head -c 16 /dev/urandom | od -An -tx1 > /made\nFROM busybox\nCOPY --from=make /made /made\nRUN head -c 16 /dev/urandom | od -An -tx1 > /own && head -c 3000000 /dev/urandom > /more\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_context, "f"), Guid.NewGuid().ToString(), TestContext.Current.CancellationToken);
        var said = new List<string>();
        // Nothing is there yet: told of, and no error.
        var first = (await BuildAsync(buildx, "-t", "remote-cache", "--cache-from", place, "--cache-to", place + ",mode=max")).ShouldExit(0);
        said.Add(first.Error);
        first.Error.ShouldContain(exporting);
        first.Error.ShouldContain("writing layer sha256:");
        var (made, own) = (await ReadAsync("/made"), await ReadAsync("/own"));
        await ForgetAsync();
        var again = (await BuildAsync(buildx, "-t", "remote-cache", "--cache-from", place, "--cache-to", place + ",mode=max")).ShouldExit(0);
        said.Add(again.Error);
        again.Error.ShouldContain("CACHED");
        again.Error.ShouldNotContain("writing layer sha256:");
        (await ReadAsync("/made")).ShouldBe(made);
        (await ReadAsync("/own")).ShouldBe(own);
        var record = (await Buildx.RunAsync(engine, ["buildx", "history", "inspect", "--format", "json"])).ShouldExit(0);
        said.Add(record.Out);
        await ForgetAsync();
        var ours = (await BuildAsync(buildx: false, "-t", "remote-cache", "--cache-from", place)).ShouldExit(0);
        ours.Error.ShouldContain("CACHED");
        (await ReadAsync("/own")).ShouldBe(own);
        said.AddRange([ours.Error, ours.Out, engine.Log, (await engine.WharfAsync("build", "why")).Out]);
        foreach (var secret in secrets)
        {
            said.ShouldAllBe(text => !text.Contains(secret, StringComparison.Ordinal));
            (await CommandResult.RunAsync("grep", ["-rlaF", "-e", secret, engine.DataRoot])).Out.ShouldBe("");
        }
    }

    [Fact]
    public async Task All_steps_travel_through_a_bucket_of_S3()
    {
        await using var server = await S3Server.StartAsync();
        await TravelAsync(buildx: false, server.CacheAttributes + ",prefix=team/,name=one;two", [], "exporting cache to Amazon S3");
        server.Below("team/manifests").Select(Path.GetFileName).Order().ShouldBe(["one._S3rver_object", "two._S3rver_object"]);
        server.Below("team/blobs").Count.ShouldBeGreaterThanOrEqualTo(3);
        server.Below("team/blobs").ShouldAllBe(file => Path.GetFileName(file).StartsWith("sha256:", StringComparison.Ordinal));
        // By the second name too.
        await ForgetAsync();
        (await BuildAsync(buildx: false, "--cache-from", server.CacheAttributes + ",prefix=team/,name=two")).ShouldExit(0).Error.ShouldContain("CACHED");
    }

    [Fact]
    public async Task All_steps_travel_through_a_container_of_Azure()
    {
        await using var server = await AzureServer.StartAsync();
        await TravelAsync(buildx: true, server.CacheAttributes, [AzureServer.Key], "exporting cache to Azure Blob Storage");
    }

    [Fact]
    public async Task All_steps_travel_through_the_cache_of_GitHub_Actions()
    {
        using var server = new ActionsCacheServer();
        await TravelAsync(buildx: false, server.Attributes, server.Secrets, "exporting cache to GitHub Actions Cache");
        server.Keys.ShouldContain(key => key.StartsWith("index-tests-1-", StringComparison.Ordinal) && key.EndsWith("#1", StringComparison.Ordinal));
        server.Keys.ShouldContain(key => key.EndsWith("#2", StringComparison.Ordinal));
        server.Keys.Count(key => key.StartsWith("buildkit-blob-1-sha256:", StringComparison.Ordinal)).ShouldBeGreaterThanOrEqualTo(3);
    }

    [Fact]
    public async Task What_a_place_lacks_is_told_before_anything_is_built()
    {
        if (!engine.IsWharf) Assert.Skip("Debian's dockerd knows no such cache");
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM busybox\nRUN echo built > /f\n", TestContext.Current.CancellationToken);
        foreach (var (place, message) in new[]
        {
            ("type=s3,region=r,access_key_id=a,secret_access_key=b", "bucket ($AWS_BUCKET) not set for s3 cache"), ("type=s3,bucket=b,access_key_id=a,secret_access_key=b", "region ($AWS_REGION) not set for s3 cache"),
            ("type=azblob,secret_access_key=b", "account_url attribute is required for azblob cache"), ("type=azblob,account_url=nonsense,secret_access_key=b", "account_url is no http or https URL"),
            ("type=gha,token=secret-token,version=2", "url_v2 not set for github actions cache"), ("type=gha,version=2,url_v2=http://127.0.0.1:1", "token not set for github actions cache"),
            ("type=gha,version=2,url_v2=http://127.0.0.1:1,token=secret-token", "is no JSON Web Token"),
        })
        {
            var refused = (await BuildAsync(buildx: false, "--cache-to", place)).ShouldExit(1);
            refused.Error.ShouldContain(message);
            refused.Error.ShouldNotContain("secret-token");
            refused.Error.ShouldNotContain("echo built");
        }
        // A store that does not answer: an error, unless errors do not matter; importing never fails a build.
        const string Nobody = "type=s3,bucket=b,region=r,access_key_id=a,secret_access_key=hidden-word,endpoint_url=http://127.0.0.1:1,use_path_style=true";
        var failed = (await BuildAsync(buildx: false, "--cache-to", Nobody)).ShouldExit(1);
        failed.Error.ShouldContain("does not answer");
        (await BuildAsync(buildx: false, "--cache-from", Nobody, "--cache-to", Nobody + ",ignore-error=true")).ShouldExit(0).Error.ShouldNotContain("hidden-word");
    }
}
