using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Cli;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Images;
using Wharf.SystemTests.Registry;
using Xunit;

namespace Wharf.SystemTests.Artifacts;

/// <summary>Artifacts about images: at a registry with the referrers API (Wharf's) and at one without (Debian's docker-registry), where an index under the digest's tag stands for it.</summary>
public sealed class ReferrerTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Bill = "application/x.bill", Note = "application/x.note";
    private readonly WharfCli _cli = new(engine);
    private readonly List<IAsyncDisposable> _started = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await OutputAsync("artifact", "rm", "--all");
        foreach (var one in _started) await one.DisposeAsync();
        _cli.Dispose();
    }

    private async Task<string> OutputAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(0).Text;

    private async Task<string> ErrorAsync(params string[] args) => (await _cli.RunAsync(args)).ShouldExit(1).Error;

    private string Write(string name, string content)
    {
        File.WriteAllText(_cli.PathOf(name), content);
        return _cli.PathOf(name);
    }

    private async Task<RegistryProcess> StartAsync(bool hasApi)
    {
        var registry = hasApi ? await RegistryProcess.WharfAsync() : await RegistryProcess.DebianAsync();
        _started.Add(registry);
        return registry;
    }

    /// <summary>An image of the registry, and its digest there.</summary>
    private async Task<(string Name, string Digest)> PushImageAsync(RegistryProcess registry, string path = "about/app")
    {
        var name = $"{registry.Authority}/{path}:v1";
        (await _cli.RunAsync(TestTrees.Small("referred " + path, 2000), "import", "-", name)).ShouldExit(0);
        await OutputAsync("push", "-q", name);
        await OutputAsync("rmi", name);
        return (name, (await OrasAsync("resolve", name)).Trim());
    }

    private static async Task<string> OrasAsync(string verb, params string[] args) => (await CommandResult.RunAsync(Programs.Find("oras"), [.. verb.Split(' '), "--plain-http", .. args])).ShouldExit(0).Out;

    private async Task<List<string>> ReferrersAsync(string name, params string[] more) =>
        [.. (await OutputAsync(["registry", "referrers", name, .. more])).Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    private static JsonArray Manifests(string json) => (JsonNode.Parse(json)!["manifests"] ?? JsonNode.Parse(json)!["referrers"])!.AsArray();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_artifact_about_an_image_is_found_by_it_beside_those_of_oras_and_pulled(bool hasApi)
    {
        var registry = await StartAsync(hasApi);
        var (image, subject) = await PushImageAsync(registry);
        var repository = image[..image.LastIndexOf(':')];
        var digest = await OutputAsync("artifact", "add", "--type", Bill, "--subject", image, $"{repository}:bill", Write("bill.json", "{\"parts\":[]}"));
        var pointer = JsonNode.Parse(await OutputAsync("artifact", "inspect", digest))![0]!["Manifest"]!["subject"]!;
        JsonNode.DeepEquals(pointer, JsonNode.Parse(await OrasAsync("manifest fetch", "--descriptor", image))).ShouldBeTrue(pointer.ToJsonString());
        (await OutputAsync("artifact", "ls", "--format", "{{.Subject}}")).ShouldBe(subject);
        (await ReferrersAsync(image)).ShouldBeEmpty("it has not been pushed");
        (await OutputAsync("artifact", "push", "--by-digest", digest)).ShouldContain($"{repository}: digest: {digest}");
        // Once more: it is listed once.
        await OutputAsync("artifact", "push", "-q", "--by-digest", digest);
        (await OrasAsync("repo tags", repository)).Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(hasApi ? ["v1"] : [subject.Replace(':', '-'), "v1"], ignoreOrder: true);

        var found = Manifests(await OrasAsync("discover", "--format", "json", image)).ShouldHaveSingleItem()!;
        (found["digest"]!.GetValue<string>(), found["artifactType"]!.GetValue<string>()).ShouldBe((digest, Bill));
        await OrasAsync("attach", "--disable-path-validation", "--artifact-type", Note, "--annotation", "by=oras", image, Write("note.txt", "a note\n") + ":text/plain");
        var all = await ReferrersAsync(image);
        all.Count.ShouldBe(2);
        all.ShouldContain(line => line.StartsWith($"{repository}@{digest}\t{Bill}\t"));
        (await ReferrersAsync($"{repository}@{subject}", "--artifact-type", Note)).ShouldBe(all.Where(line => line.Contains(Note)));
        var listed = Manifests(await OutputAsync("registry", "referrers", "--json", "--artifact-type", Note, image)).ShouldHaveSingleItem()!;
        listed["annotations"]!["by"]!.GetValue<string>().ShouldBe("oras");
        (await ReferrersAsync(image, "--artifact-type", "application/x.other")).ShouldBeEmpty();

        // Theirs is pulled by what the list says, and ours comes again under its digest.
        await OutputAsync("artifact", "rm", "--all");
        foreach (var line in all) await OutputAsync("artifact", "pull", "-q", line.Split('\t')[0]);
        await OutputAsync("artifact", "extract", $"{repository}@{digest}", _cli.PathOf("bill-again"));
        File.ReadAllText(_cli.PathOf("bill-again")).ShouldBe("{\"parts\":[]}");
        (await OutputAsync("artifact", "inspect", "-f", "{{.Manifest.subject.digest}}", all.Single(line => line.Contains(Note)).Split('\t')[0])).ShouldBe(subject);

        // One that is deleted is listed no more.
        await OutputAsync("registry", "rm", $"{repository}@{digest}");
        (await ReferrersAsync(image)).ShouldBe(all.Where(line => line.Contains(Note)));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task A_copy_takes_referrers_between_registries_with_and_without_the_API(bool fromApi, bool toApi)
    {
        var (from, to) = (await StartAsync(fromApi), await StartAsync(toApi));
        var (image, subject) = await PushImageAsync(from);
        foreach (var text in (string[])["one", "two"])
        {
            await OutputAsync("artifact", "add", "--type", Note, "--subject", image, $"{image}-{text}", Write("note", text));
            await OutputAsync("artifact", "push", "-q", "--by-digest", $"{image}-{text}");
        }
        var target = $"{to.Authority}/copies/app:v2";
        (await OutputAsync("registry", "copy", "--referrers", image, target)).ShouldContain(subject);
        static string Digests(IEnumerable<string> lines) => string.Join(' ', lines.Select(line => line[line.IndexOf('@')..]).Order());
        Digests(await ReferrersAsync(target)).ShouldBe(Digests(await ReferrersAsync(image)));
        Manifests(await OrasAsync("discover", "--format", "json", target)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Many_at_a_time_are_all_listed_where_clients_keep_the_list()
    {
        var registry = await StartAsync(false);
        var (image, _) = await PushImageAsync(registry);
        for (int i = 0; i < 6; i++) await OutputAsync("artifact", "add", "--type", Note, "--subject", image, $"{image}-n{i}", Write("note", $"note {i}"));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => OutputAsync("artifact", "push", "-q", "--by-digest", $"{image}-n{i}")));
        (await ReferrersAsync(image)).Count.ShouldBe(6);
    }

    [Fact]
    public async Task What_cannot_be_is_told_so()
    {
        var registry = await StartAsync(false);
        var (image, subject) = await PushImageAsync(registry);
        var file = Write("file", "x");
        (await ErrorAsync("artifact", "add", "--subject", $"{image}-none", "subject-none", file)).ShouldContain($"manifest for {image}-none not found");
        (await ErrorAsync("artifact", "add", "--subject", "UPPER", "subject-upper", file)).ShouldContain("must be lowercase");
        await OutputAsync("artifact", "add", $"{image}-file", file);
        (await ErrorAsync("artifact", "add", "--append", "--subject", image, $"{image}-file", Write("more", "y"))).ShouldContain("append and subject exclude each other");
        // The tag that the list would have is an image's: nothing is overwritten, and the push tells.
        await OutputAsync("artifact", "add", "--subject", image, $"{image}-about", file);
        using var http = new HttpClient { BaseAddress = registry.Url, DefaultRequestHeaders = { { "Accept", "application/vnd.oci.image.manifest.v1+json" } } };
        var manifest = await http.GetByteArrayAsync($"/v2/about/app/manifests/{await DigestOfAsync(image + "-file")}");
        var tag = subject.Replace(':', '-');
        using (var put = await http.PutAsync($"/v2/about/app/manifests/{tag}", new ByteArrayContent(manifest) { Headers = { ContentType = new("application/vnd.oci.image.manifest.v1+json") } })) put.EnsureSuccessStatusCode();
        (await ErrorAsync("artifact", "push", $"{image}-about")).ShouldContain($"{tag} is no index: the referrers of {subject} cannot be told");
        (await http.GetByteArrayAsync($"/v2/about/app/manifests/{tag}")).ShouldBe(manifest);
    }

    private async Task<string> DigestOfAsync(string artifact)
    {
        await OutputAsync("artifact", "push", "-q", artifact);
        return await OutputAsync("artifact", "inspect", "-f", "{{.Digest}}", artifact);
    }
}
