using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Registry;
using Wharf.Specs.Image;

namespace Wharf.Cli.Commands.Manifests;

/// <summary>What the manifest commands share: names as docker completes them.</summary>
internal static class ManifestNames
{
    public static ImageReference Parse(string text)
    {
        Reference.Check(text);
        var reference = ImageReference.Parse(text);
        return reference.Tag is null && reference.Digest is null ? ImageReference.Parse(text + ":latest") : reference;
    }
}

/// <summary><c>wharf manifest create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly BoolFlag amend, insecure;

    public CreateCommand()
    {
        amend = Flags.Bool("amend", 'a', "Add to a list that exists");
        insecure = Flags.Bool("insecure", "Allow a registry without TLS");
    }

    public override string Usage => "MANIFEST_LIST MANIFEST [MANIFEST...]";
    public override int MinArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var list = ManifestNames.Parse(arguments[0]);
        var store = new ManifestStore(cli.Config);
        if (store.Exists(list) && !amend) throw new CliException("refusing to amend an existing manifest list with no --amend flag");
        foreach (var text in arguments.Skip(1))
        {
            var image = ManifestNames.Parse(text);
            if (await ManifestEntry.FetchAsync(cli, image, insecure, cancellationToken) is not { } entries) throw new CliException($"no such manifest: {text}");
            foreach (var entry in entries) store.Save(list, entry);
        }
        await cli.Out.WriteLineAsync($"Created manifest list {list}");
        return 0;
    }
}

/// <summary><c>wharf manifest annotate</c>.</summary>
internal sealed class AnnotateCommand : Command
{
    private readonly StringFlag arch, os, osVersion, variant;
    private readonly StringsFlag osFeatures;

    public AnnotateCommand()
    {
        arch = Flags.String("arch", "Architecture");
        os = Flags.String("os", "Operating system");
        osFeatures = Flags.Strings("os-features", "Features of the operating system");
        osVersion = Flags.String("os-version", "Version of the operating system");
        variant = Flags.String("variant", "Variant of the architecture");
    }

    public override string Usage => "[OPTIONS] MANIFEST_LIST MANIFEST";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (list, image, store) = (ManifestNames.Parse(arguments[0]), ManifestNames.Parse(arguments[1]), new ManifestStore(cli.Config));
        var entry = store.Find(list, image) ?? throw new CliException($"manifest for image {arguments[1]} does not exist in {arguments[0]}");
        foreach (var (flag, key) in (ReadOnlySpan<(StringFlag, string)>)[(os, "os"), (arch, "architecture"), (osVersion, "os.version"), (variant, "variant")])
            if (flag.Value != "") entry.Platform[key] = flag.Value;
        if (osFeatures.Values.Count > 0) entry.Platform["os.features"] = new JsonArray([.. osFeatures.Values.Distinct().Select(feature => (JsonNode)feature)]);
        if (!Named.Contains($"{entry.Platform["os"]}/{entry.Platform["architecture"]}")) throw new CliException($"manifest entry for image has unsupported os/arch combination: {os.Value}/{arch.Value}");
        store.Save(list, entry);
        return Task.FromResult(0);
    }

    /// <summary>The platforms that docker's client lets an entry be for.</summary>
    private static readonly HashSet<string> Named =
    [
        "darwin/386", "darwin/amd64", "darwin/arm", "darwin/arm64", "dragonfly/amd64", "freebsd/386", "freebsd/amd64", "freebsd/arm",
        "linux/386", "linux/amd64", "linux/arm", "linux/arm64", "linux/mips64", "linux/mips64le", "linux/ppc64le", "linux/riscv64", "linux/s390x",
        "netbsd/386", "netbsd/amd64", "netbsd/arm", "openbsd/386", "openbsd/amd64", "openbsd/arm", "plan9/386", "plan9/amd64", "solaris/amd64", "windows/386", "windows/amd64",
    ];
}

/// <summary><c>wharf manifest inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly BoolFlag insecure, verbose;

    public InspectCommand()
    {
        insecure = Flags.Bool("insecure", "Allow a registry without TLS");
        verbose = Flags.Bool("verbose", 'v', "Also show what the images run on");
    }

    public override string Usage => "[OPTIONS] [MANIFEST_LIST] MANIFEST";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var store = new ManifestStore(cli.Config);
        var name = ManifestNames.Parse(arguments[^1]);
        if (arguments.Count == 2)
        {
            var entry = store.Find(ManifestNames.Parse(arguments[0]), name) ?? throw new CliException($"No such manifest: {arguments[1]}");
            return await ShowOneAsync(cli, entry);
        }
        if (store.Exists(name)) return await ShowListAsync(cli, store.Read(name));
        using var registry = await RegistryClient.OpenAsync(cli, name, insecure, cancellationToken);
        if (await registry.ManifestAsync(name.Digest?.ToString() ?? name.Tag!, cancellationToken) is not { } found) throw new CliException($"no such manifest: {arguments[0]}");
        bool isList = found.Type is ManifestEntry.DockerList or ManifestEntry.OciIndex;
        if (isList && !verbose)
        {
            await cli.Out.WriteLineAsync(JsonSerializer.Serialize((JsonObject)JsonNode.Parse(found.Bytes)!, ManifestJson.Indented.JsonObject));
            return 0;
        }
        var entries = await ManifestEntry.FetchAsync(cli, name, insecure, cancellationToken) ?? throw new CliException($"no such manifest: {arguments[0]}");
        return isList ? await ShowListAsync(cli, entries) : await ShowOneAsync(cli, entries[0]);
    }

    private async Task<int> ShowListAsync(CliContext cli, List<ManifestEntry> entries)
    {
        await cli.Out.WriteLineAsync(verbose ? JsonSerializer.Serialize(new JsonArray([.. entries.Select(entry => (JsonNode)entry.ToJson())]), ManifestJson.Tabbed.JsonArray) : Encoding.UTF8.GetString(ManifestEntry.WriteList(entries)));
        return 0;
    }

    private async Task<int> ShowOneAsync(CliContext cli, ManifestEntry entry)
    {
        await cli.Out.WriteLineAsync(JsonSerializer.Serialize(verbose ? entry.ToJson() : (JsonObject)JsonNode.Parse(entry.Raw)!, ManifestJson.Tabbed.JsonObject));
        return 0;
    }
}

/// <summary><c>wharf manifest push</c>.</summary>
internal sealed class PushCommand : Command
{
    private readonly BoolFlag insecure, purge;

    public PushCommand()
    {
        insecure = Flags.Bool("insecure", "Allow a registry without TLS");
        purge = Flags.Bool("purge", 'p', "Forget the list here when it is pushed");
    }

    public override string Usage => "[OPTIONS] MANIFEST_LIST";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (list, store) = (ManifestNames.Parse(arguments[0]), new ManifestStore(cli.Config));
        if (!store.Exists(list)) throw new CliException($"No such manifest: {list.Canonical}");
        var entries = store.Read(list);
        using var registry = await RegistryClient.OpenAsync(cli, list, insecure, cancellationToken);
        foreach (var entry in entries) await BringAsync(registry, list, entry, cancellationToken);
        var bytes = ManifestEntry.WriteList(entries);
        await registry.PutManifestAsync(list.Tag ?? "latest", ManifestEntry.TypeOf(bytes), bytes, cancellationToken);
        if (purge) store.Remove(list);
        await cli.Out.WriteLineAsync(Digest.OfBytes(bytes).ToString());
        return 0;
    }

    /// <summary>A list may only name manifests of its own repository: others are brought there, with their blobs.</summary>
    private static async Task BringAsync(RegistryClient registry, ImageReference list, ManifestEntry entry, CancellationToken cancellationToken)
    {
        if (!ImageReference.TryParse(entry.Reference, out var source)) throw new CliException($"invalid reference format: {entry.Reference}");
        if (source.Domain != list.Domain) throw new CliException($"cannot use source images from a different registry than the target image: {source.Domain} != {list.Domain}");
        if (source.Path == list.Path) return;
        var manifest = JsonNode.Parse(entry.Raw)!;
        string[] blobs = [manifest["config"]!["digest"]!.GetValue<string>(), .. manifest["layers"]!.AsArray().Select(layer => layer!["digest"]!.GetValue<string>())];
        foreach (var digest in blobs.Distinct()) await registry.MountAsync(digest, source.Path, cancellationToken);
        await registry.PutManifestAsync(entry.Digest, entry.MediaType, entry.Raw, cancellationToken);
    }
}

/// <summary><c>wharf manifest rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    public override string Usage => "MANIFEST_LIST [MANIFEST_LIST...]";

    protected override Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var (list, store) = (ManifestNames.Parse(name), new ManifestStore(cli.Config));
        if (!store.Exists(list)) throw new CliException($"No such manifest: {list.Canonical}");
        store.Remove(list);
        return Task.FromResult<string?>(null);
    }
}
