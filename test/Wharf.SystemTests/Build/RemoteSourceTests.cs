using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Contexts and sources of ADD that the daemon fetches: git repositories, archives and files by http.</summary>
public sealed class RemoteSourceTests(EngineFixture engine) : IAsyncLifetime
{
    private readonly string _site = Directory.CreateTempSubdirectory("wharf-site-").FullName;
    private readonly EngineApi _api = new(engine.SocketPath);
    private FileSite? _server;
    private string _commit = "";

    private string Address => _server!.Address;
    private string Repository => Address + "/repo.git";

    public async ValueTask InitializeAsync()
    {
        if (!engine.IsWharf) return; // the other engine may be in a network of its own
        var work = Path.Combine(_site, "work");
        Directory.CreateDirectory(Path.Combine(work, "sub"));
        await GitAsync(_site, "init", "-q", "-b", "main", work);
        await File.WriteAllTextAsync(work + "/Dockerfile", "FROM busybox\nCOPY . /c\nRUN echo main > /which\n");
        await File.WriteAllTextAsync(work + "/sub/Dockerfile", "FROM busybox\nCOPY . /c\nRUN echo sub > /which\n");
        await CommitAsync(work, "one");
        await GitAsync(work, "tag", "v1");
        await GitAsync(work, "checkout", "-q", "-b", "other");
        await File.WriteAllTextAsync(work + "/Dockerfile", "FROM busybox\nCOPY . /c\nRUN echo other > /which\n");
        await CommitAsync(work, "two");
        _commit = (await GitAsync(work, "rev-parse", "other")).Trim();
        await GitAsync(work, "checkout", "-q", "main");
        await GitAsync(_site, "clone", "-q", "--bare", work, Path.Combine(_site, "repo.git"));
        await GitAsync(Path.Combine(_site, "repo.git"), "update-server-info");
        _server = new FileSite(_site);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        _api.Dispose();
        Directory.Delete(_site, recursive: true);
    }

    private static async Task<string> GitAsync(string directory, params string[] args) => (await CommandResult.RunAsync("git", ["-C", directory, .. args])).ShouldExit(0).Out;

    private static async Task CommitAsync(string work, string message)
    {
        await GitAsync(work, "add", "-A");
        await GitAsync(work, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false", "commit", "-q", "-m", message);
    }

    private async Task<string> ResultAsync(string image, string path)
    {
        var shown = (await engine.DockerAsync("run", "--rm", image, "cat", path)).ShouldExit(0).Text;
        (await engine.DockerAsync("rmi", "-f", image)).ShouldExit(0);
        return shown;
    }

    private static void NeedsWharf(EngineFixture engine)
    {
        if (!engine.IsWharf) Assert.Skip("another engine may be in a network of its own, where it cannot come to this one's servers");
    }

    [Theory]
    [InlineData("", "main")]
    [InlineData("#v1", "main")]
    [InlineData("#other", "other")]
    [InlineData("#COMMIT", "other")]
    [InlineData("#:sub", "sub")]
    [InlineData("#v1:sub", "sub")]
    public async Task A_repository_is_a_context_at_its_reference_and_subdirectory(string fragment, string which)
    {
        NeedsWharf(engine);
        var address = Repository + fragment.Replace("COMMIT", _commit, StringComparison.Ordinal);
        (await _api.PostAsync($"/build?t=rs-git&remote={Uri.EscapeDataString(address)}")).StreamError.ShouldBeNull();
        (await ResultAsync("rs-git", "/which")).ShouldBe(which);
        (await Buildx.RunAsync(engine, ["build", "-t", "rs-gitx", address])).ShouldExit(0);
        (await ResultAsync("rs-gitx", "/which")).ShouldBe(which);
    }

    [Fact]
    public async Task The_time_of_a_context_is_that_of_its_commit_or_of_its_newest_file()
    {
        NeedsWharf(engine); // docker 28 has a BuildKit that does not know the word yet
        var committed = DateTimeOffset.FromUnixTimeSeconds(long.Parse(await GitAsync(Path.Combine(_site, "repo.git"), "log", "-1", "--format=%ct", "v1"), System.Globalization.CultureInfo.InvariantCulture));
        (await CreatedAsync(Repository + "#v1")).ShouldBe(committed);
        var written = DateTimeOffset.FromUnixTimeSeconds(1_500_000_000);
        var files = Directory.CreateDirectory(Path.Combine(_site, "dated")).FullName;
        await File.WriteAllTextAsync(files + "/Dockerfile", "FROM busybox\nARG SOURCE_DATE_EPOCH\nRUN test \"$SOURCE_DATE_EPOCH\" = 1500000000\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files + "/old", "", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(files + "/Dockerfile", written.UtcDateTime);
        File.SetLastWriteTimeUtc(files + "/old", DateTime.UnixEpoch.AddDays(1));
        (await CommandResult.RunAsync("tar", ["-cf", Path.Combine(_site, "dated.tar"), "-C", files, "Dockerfile", "old"])).ShouldExit(0);
        (await CreatedAsync(Address + "/dated.tar")).ShouldBe(written);
        // A directory of the client has no time that stays: it is as if nothing was said.
        await File.WriteAllTextAsync(files + "/Dockerfile", "FROM busybox\nARG SOURCE_DATE_EPOCH\nRUN test -z \"$SOURCE_DATE_EPOCH\"\n", TestContext.Current.CancellationToken);
        (await CreatedAsync(files)).ShouldBeGreaterThan(DateTimeOffset.UtcNow.AddDays(-1));
        (await Buildx.RunAsync(engine, ["build", "--build-arg", "SOURCE_DATE_EPOCH=nonsense", files])).ShouldExit(1).Error.ShouldContain("invalid SOURCE_DATE_EPOCH: nonsense: strconv.ParseInt: parsing \"nonsense\": invalid syntax");
    }

    [Theory]
    [InlineData("ARG SOURCE_DATE_EPOCH=1500000000\nFROM busybox", 1_500_000_000)]
    [InlineData("ARG YEAR=15\nARG SOURCE_DATE_EPOCH=${YEAR}00000000\nFROM busybox", 1_500_000_000)]
    [InlineData("ARG SOURCE_DATE_EPOCH=tarball\nFROM scratch AS tarball\nARG NAME=undated.tar\nADD ADDRESS/${NAME} /\nFROM busybox", 1_400_000_000)]
    [InlineData("ARG SOURCE_DATE_EPOCH=Source\nFROM scratch AS source\nADD REPOSITORY#v1 /\nFROM busybox", Commit)]
    [InlineData("ARG SOURCE_DATE_EPOCH=other\nFROM busybox", Commit)]
    public async Task A_Dockerfile_says_of_when_its_image_is(string lines, long seconds)
    {
        NeedsWharf(engine); // docker 28 has a BuildKit that does not know it yet
        var files = await DatedArchiveAsync();
        var epoch = seconds == Commit ? long.Parse(await GitAsync(Path.Combine(_site, "repo.git"), "log", "-1", "--format=%ct", "v1"), System.Globalization.CultureInfo.InvariantCulture) : seconds;
        await WriteDockerfileAsync(files, $"{lines}\nARG SOURCE_DATE_EPOCH\nRUN test \"$SOURCE_DATE_EPOCH\" = {epoch} && touch /now\n");
        (await CreatedAsync(files, "--build-context", $"other={Repository}#v1")).ShouldBe(DateTimeOffset.FromUnixTimeSeconds(epoch));
        // The caller's word counts for more, and says also that there is to be none.
        await WriteDockerfileAsync(files, $"{lines}\nARG SOURCE_DATE_EPOCH=7\nRUN test \"$SOURCE_DATE_EPOCH\" = 1234567890\n");
        (await CreatedAsync(files, "--build-context", $"other={Repository}#v1", "--build-arg", "SOURCE_DATE_EPOCH=1234567890")).ShouldBe(DateTimeOffset.FromUnixTimeSeconds(1_234_567_890));
        await WriteDockerfileAsync(files, $"{lines}\nRUN true\n");
        (await CreatedAsync(files, "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=")).ShouldBeGreaterThan(DateTimeOffset.UtcNow.AddDays(-1));
    }

    [Theory]
    [InlineData("FROM busybox AS s\nADD ADDRESS/undated.tar /", "SOURCE_DATE_EPOCH stage must use FROM scratch", 2)]
    [InlineData("FROM scratch AS s\nCOPY old /", "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported copy instruction", 3)]
    [InlineData("FROM scratch AS s\nADD old /", "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD", 3)]
    [InlineData("FROM scratch AS s\nADD ADDRESS/undated.tar /\nADD ADDRESS/undated.tar /", "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD", 4)]
    [InlineData("FROM scratch AS s", "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD", 2)]
    [InlineData("FROM scratch AS s\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 ADDRESS/undated.tar /", "digest mismatch sha256:", 0)]
    [InlineData("FROM scratch AS t\nADD ADDRESS/undated.tar /", "invalid SOURCE_DATE_EPOCH: s", 0)]
    public async Task A_stage_that_does_more_than_fetch_tells_no_time(string lines, string problem, int line)
    {
        NeedsWharf(engine);
        var files = await DatedArchiveAsync();
        await WriteDockerfileAsync(files, $"ARG SOURCE_DATE_EPOCH=s\n{lines}\nFROM busybox\n");
        var refused = (await Buildx.RunAsync(engine, ["build", files])).ShouldExit(1).Error;
        refused.ShouldContain(problem);
        if (line > 0) refused.ShouldContain($"Dockerfile:{line}");
    }

    private const long Commit = -1;

    /// <summary>An archive at an address that tells no time, whose newest file is of 2014; gives the directory that it was made of.</summary>
    private async Task<string> DatedArchiveAsync()
    {
        var files = Directory.CreateDirectory(Path.Combine(_site, "files")).FullName;
        await File.WriteAllTextAsync(files + "/old", "", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(files + "/old", DateTime.UnixEpoch.AddSeconds(1_400_000_000));
        (await CommandResult.RunAsync("tar", ["-cf", Path.Combine(_site, "undated.tar"), "-C", files, "old"])).ShouldExit(0);
        return files;
    }

    private Task WriteDockerfileAsync(string directory, string text) =>
        File.WriteAllTextAsync(directory + "/Dockerfile", text.Replace("ADDRESS", Address, StringComparison.Ordinal).Replace("REPOSITORY", Repository, StringComparison.Ordinal), TestContext.Current.CancellationToken);

    private Task<DateTimeOffset> CreatedAsync(string context) => CreatedAsync(context, "--build-arg", "SOURCE_DATE_EPOCH=context");

    private async Task<DateTimeOffset> CreatedAsync(string context, params string[] arguments)
    {
        (await Buildx.RunAsync(engine, ["build", "-t", "rs-dated", .. arguments, context])).ShouldExit(0);
        var created = (await engine.DockerAsync("image", "inspect", "rs-dated", "--format", "{{.Created}}")).ShouldExit(0).Text;
        (await engine.DockerAsync("rmi", "-f", "rs-dated")).ShouldExit(0);
        return DateTimeOffset.Parse(created, System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_repository_that_lacks_what_is_asked_for_says_so()
    {
        NeedsWharf(engine);
        foreach (var fragment in new[] { "#nope", "#:nope", "#:../../../etc" })
        {
            var answer = await _api.PostAsync($"/build?remote={Uri.EscapeDataString(Repository + fragment)}");
            (answer.Status >= 400 || answer.StreamError is not null).ShouldBeTrue(answer.Text);
            answer.Text.ShouldContain(fragment[^3..]);
        }
    }

    [Fact]
    public async Task Archives_and_Dockerfiles_come_by_http()
    {
        NeedsWharf(engine);
        using var bytes = new MemoryStream();
        await using (var tar = new TarWriter(bytes, leaveOpen: true))
        {
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "sub/Other") { DataStream = new MemoryStream("FROM busybox\nCOPY f /which\n"u8.ToArray()) }, TestContext.Current.CancellationToken);
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "f") { DataStream = new MemoryStream("of the archive"u8.ToArray()) }, TestContext.Current.CancellationToken);
        }
        await File.WriteAllBytesAsync(Path.Combine(_site, "context.tar"), bytes.ToArray(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_site, "Plain"), "FROM busybox\nRUN echo plain > /which\n", TestContext.Current.CancellationToken);
        (await _api.PostAsync($"/build?t=rs-tar&dockerfile=sub/Other&remote={Uri.EscapeDataString(Address + "/context.tar")}")).StreamError.ShouldBeNull();
        (await ResultAsync("rs-tar", "/which")).ShouldBe("of the archive");
        (await _api.PostAsync($"/build?t=rs-plain&remote={Uri.EscapeDataString(Address + "/Plain")}")).StreamError.ShouldBeNull();
        (await ResultAsync("rs-plain", "/which")).ShouldBe("plain");
        (await Buildx.RunAsync(engine, ["build", "-t", "rs-tarx", "-f", "sub/Other", Address + "/context.tar"])).ShouldExit(0);
        (await ResultAsync("rs-tarx", "/which")).ShouldBe("of the archive");
        (await Buildx.RunAsync(engine, ["build", "-t", "rs-plainx", Address + "/Plain"])).ShouldExit(0);
        (await ResultAsync("rs-plainx", "/which")).ShouldBe("plain");
        (await _api.PostAsync($"/build?remote={Uri.EscapeDataString(Address + "/none")}")).Message!.ShouldContain("404");
    }

    [Fact]
    public async Task ADD_fetches_files_archives_and_repositories_and_checks_what_they_are()
    {
        NeedsWharf(engine);
        await File.WriteAllTextAsync(Path.Combine(_site, "file"), "content\n", TestContext.Current.CancellationToken);
        (await CommandResult.RunAsync("tar", ["-czf", Path.Combine(_site, "a.tgz"), "-C", Path.Combine(_site, "work"), "sub"])).ShouldExit(0);
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("content\n")));
        var context = Directory.CreateDirectory(Path.Combine(_site, "context")).FullName;
        async Task<CommandResult> BuildAsync(string dockerfile)
        {
            await File.WriteAllTextAsync(context + "/Dockerfile", dockerfile);
            return await Buildx.RunAsync(engine, ["build", "--progress=plain", "-t", "rs-add", context]);
        }
        (await BuildAsync($"""
            FROM busybox
            ADD {Address}/file /one
            ADD --checksum={digest} --chmod=755 --chown=1:2 {Address}/file /dir/
            ADD {Address}/a.tgz /packed
            ADD --unpack=true {Address}/a.tgz /unpacked/
            ADD {Repository}#v1 /git
            ADD --keep-git-dir=true {Repository}#other:sub /gitsub
            ADD --keep-git-dir=true --checksum={_commit} {Repository}#other /kept
            RUN stat -c '%a %u:%g %n' /one /dir/file > /list; ls /packed /unpacked/sub/Dockerfile /git/Dockerfile /kept/.git/HEAD /gitsub/Dockerfile >> /list; test ! -e /git/.git
            """)).ShouldExit(0);
        (await ResultAsync("rs-add", "/list")).ShouldBe("600 0:0 /one\n755 1:2 /dir/file\n/git/Dockerfile\n/gitsub/Dockerfile\n/kept/.git/HEAD\n/packed\n/unpacked/sub/Dockerfile");
        (await BuildAsync($"FROM busybox\nADD --checksum=sha256:{new string('0', 64)} {Address}/file /one\n")).ShouldExit(1).Error.ShouldContain("digest mismatch");
        (await BuildAsync($"FROM busybox\nADD --checksum={new string('0', 40)} {Repository}#v1 /git\n")).ShouldExit(1).Error.ShouldContain("expected checksum to match");
        (await BuildAsync($"FROM busybox\nADD {Address}/none /one\n")).ShouldExit(1).Error.ShouldContain("404");
        // Fetched anew each time: what changed there is another step.
        (await BuildAsync($"FROM busybox\nADD {Address}/file /one\n")).ShouldExit(0);
        await File.WriteAllTextAsync(Path.Combine(_site, "file"), "changed\n", TestContext.Current.CancellationToken);
        (await BuildAsync($"FROM busybox\nADD {Address}/file /one\n")).ShouldExit(0);
        (await ResultAsync("rs-add", "/one")).ShouldBe("changed");
    }

    [Fact]
    public async Task Queries_of_git_addresses_say_what_to_fetch_and_what_it_must_be()
    {
        NeedsWharf(engine);
        var context = Directory.CreateDirectory(Path.Combine(_site, "queries")).FullName;
        async Task<CommandResult> AddAsync(params string[] queries)
        {
            await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\n" + string.Concat(queries.Select((query, index) => $"ADD {Repository}{query} /{index}/\n")));
            return await Buildx.RunAsync(engine, ["build", "--progress=plain", "-t", "rs-query", "--output", "type=local,dest=" + Path.Combine(_site, "out"), context]);
        }
        (await AddAsync("?tag=v1", $"?branch=other&commit={_commit}", $"?checksum={_commit}&keep-git-dir", "?ref=other&subdir=sub&keep-git-dir=0")).ShouldExit(0);
        var git = Path.Combine(_site, "work");
        foreach (var (index, file, of) in new[] { (0, "Dockerfile", "v1:Dockerfile"), (1, "Dockerfile", "other:Dockerfile"), (2, "sub/Dockerfile", "other:sub/Dockerfile"), (3, "Dockerfile", "other:sub/Dockerfile") })
        {
            var wanted = (await CommandResult.RunAsync("git", ["-C", git, "show", of])).ShouldExit(0).Out;
            (await File.ReadAllTextAsync(Path.Combine(_site, "out", index.ToString(System.Globalization.CultureInfo.InvariantCulture), file), TestContext.Current.CancellationToken)).ShouldBe(wanted);
        }
        Directory.Exists(Path.Combine(_site, "out/2/.git")).ShouldBeTrue();
        Directory.Exists(Path.Combine(_site, "out/1/.git")).ShouldBeFalse();
        (await AddAsync($"?tag=v1&commit={new string('0', 40)}")).ShouldExit(1).Error.ShouldContain("expected checksum to match");
        (await AddAsync("?branch=v1")).ShouldExit(1).Error.ShouldContain("refs/heads/v1");
        (await AddAsync("?tag=v1&branch=other")).ShouldExit(1).Error.ShouldContain("branch conflicts with tag");
    }

    [Fact]
    public async Task Named_contexts_are_repositories_and_archives_too()
    {
        NeedsWharf(engine);
        var context = Directory.CreateDirectory(Path.Combine(_site, "named")).FullName;
        await File.WriteAllTextAsync(context + "/Dockerfile", "FROM busybox\nCOPY --from=source sub/Dockerfile /which\n", TestContext.Current.CancellationToken);
        (await CommandResult.RunAsync("tar", ["-cf", Path.Combine(_site, "named.tar"), "-C", Path.Combine(_site, "work"), "sub"])).ShouldExit(0);
        foreach (var source in new[] { Repository + "#v1", Address + "/named.tar" })
        {
            (await Buildx.RunAsync(engine, ["build", "-t", "rs-named", "--build-context", "source=" + source, context])).ShouldExit(0);
            (await ResultAsync("rs-named", "/which")).ShouldContain("echo sub");
        }
    }
}
