using System.Globalization;
using System.Text.Json;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Exporting;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>What came of a build's exporters: values for the client, and results by platform for the history.</summary>
internal sealed class ExportResult
{
    public Dictionary<string, string> Response { get; } = new(StringComparer.Ordinal);
    public List<(string Platform, BuildResultInfo Info)> Results { get; } = [];

    /// <summary>What the results name and the record keeps: in the image store it would go with the next collection.</summary>
    public Dictionary<Digest, byte[]> Kept { get; } = [];

    /// <summary>Names a blob that the record keeps.</summary>
    public BlobDescriptor Keep(Descriptor descriptor, byte[] bytes)
    {
        var blob = new BlobDescriptor { MediaType = descriptor.MediaType, Digest = descriptor.Digest.ToString(), Size = descriptor.Size };
        foreach (var (key, value) in descriptor.Annotations ?? []) blob.Annotations[key] = value;
        Kept[descriptor.Digest] = bytes;
        return blob;
    }
}

/// <summary>Builds what a front end asked for and gives it where the client wants it.</summary>
internal sealed class ExportService(BuildService builds)
{
    public async Task<ExportResult> ExportAsync(BuildJob job, ClientSession? session, FrontendResult result, CancellationToken cancellation)
    {
        var solved = await Task.WhenAll(result.References.Select(async entry => new LayoutImage(entry.Key, await entry.Reference.SolveAsync(cancellation))));
        var exported = new ExportResult();
        if (solved.Length == 0) return exported;
        solved = await CacheTransfer.InlineAsync(job, solved);
        var exporters = job.Request.Exporters.Count > 0 ? [.. job.Request.Exporters] : job.Request.Exporter.Length > 0 ? [new Exporter { Type = job.Request.Exporter, Attrs = { job.Request.ExporterAttrs } }] : new List<Exporter>();
        for (int i = 0; i < exporters.Count; i++) await ExportAsync(new ExportContext(job, session, solved, i, new ExportAttributes(exporters[i].Attrs), exported), exporters[i].Type, cancellation);
        await CacheTransfer.ExportAsync(job, session, builds, solved, exported, cancellation);
        Record(job, solved, exported);
        return exported;
    }

    /// <summary>The record tells where each result came from, in full, whatever became of it and whatever the client wants beside its images.</summary>
    private static void Record(BuildJob job, LayoutImage[] solved, ExportResult exported)
    {
        foreach (var image in solved)
        {
            var info = exported.Results.FirstOrDefault(result => result.Platform == image.PlatformKey).Info;
            if (info is null) exported.Results.Add((image.PlatformKey, info = new BuildResultInfo()));
            var predicate = Provenance.MakePredicate(job, image);
            info.Attestations.Add(exported.Keep(Provenance.DescriptorOf(predicate), predicate));
        }
    }

    private sealed record ExportContext(BuildJob Job, ClientSession? ClientSession, LayoutImage[] Solved, int Index, ExportAttributes Attributes, ExportResult Result)
    {
        /// <summary>The same for all platforms: it is the source's.</summary>
        public long? SourceDateEpoch => Solved[0].Target.Plan.SourceDateEpoch;

        public ClientSession Session => ClientSession ?? throw WharfException.Invalid("the build names no session: its result can only be an image here");
    }

    private Task ExportAsync(ExportContext context, string type, CancellationToken cancellation) => type switch
    {
        "moby" or "image" => InVertexAsync(context, "exporting to image", vertex => ExportImageAsync(context, vertex, cancellation)),
        "docker" => InVertexAsync(context, "exporting to docker image format", vertex => ExportArchiveAsync(context, vertex, docker: true, cancellation)),
        "oci" => InVertexAsync(context, "exporting to oci image format", vertex => ExportArchiveAsync(context, vertex, docker: false, cancellation)),
        "tar" => InVertexAsync(context, "exporting to client tarball", vertex => ExportTarAsync(context, vertex, cancellation)),
        "local" => InVertexAsync(context, "exporting to client directory", vertex => ExportDirectoryAsync(context, vertex, cancellation)),
        _ => throw WharfException.NotFound($"exporter \"{type}\" could not be found"),
    };

    private static async Task InVertexAsync(ExportContext context, string name, Func<VertexReporter, Task> work)
    {
        using var vertex = new VertexReporter(context.Job.Log, name);
        try
        {
            await work(vertex);
        }
        catch (Exception error)
        {
            vertex.Fail(BuildErrors.Message(error));
            throw;
        }
    }

    private async Task ExportImageAsync(ExportContext context, VertexReporter vertex, CancellationToken cancellation)
    {
        var attributes = context.Attributes;
        var names = attributes.Names;
        var images = await FinishedAsync(context, vertex, cancellation);
        var response = context.Result.Response;
        bool push = attributes.Flag("push");
        if (attributes.Flag("store", absent: true)) await StoreAsync(context, vertex, images, push && attributes.Flag("push-by-digest") ? [] : names, cancellation);
        if (push)
        {
            if (names.Count == 0) throw WharfException.Invalid("tag is needed when pushing to registry");
            await PushAsync(context, vertex, images, names, cancellation);
        }
        else if (names.Count > 0 && images.Count == 1 && attributes.Flag("store", absent: true) && IsAttestationAskedFor(context.Job)) await KeepAttestationsAsync(context, vertex, images, names, cancellation);
        if (names.Count > 0) response["image.name"] = string.Join(',', names.Select(static name => ImageReference.Parse(name).Canonical));
    }

    /// <summary>The least provenance comes unasked: for that no layer is packed before somebody wants it packed.</summary>
    private static bool IsAttestationAskedFor(BuildJob job) => job.Options is { } options && (Provenance.Mode(options) is (true, true) || BillOfMaterials.IsWanted(options));

    private async Task KeepAttestationsAsync(ExportContext context, VertexReporter vertex, IReadOnlyList<LayoutImage> images, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        using var held = await builds.HoldAsync(cancellation);
        builds.KeepAttestations(names, await LayoutAsync(context, vertex, images, names, attest: true, cancellation));
    }

    /// <summary>Among several platforms the daemon's own gets the names: an image of the store is for one.</summary>
    private async Task StoreAsync(ExportContext context, VertexReporter vertex, IReadOnlyList<LayoutImage> images, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var named = images.FirstOrDefault(image => Platforms.Matches(image.Target.Plan.Target.Platform, Platforms.Host)) ?? images[0];
        using (vertex.Begin("exporting layers")) { }
        foreach (var image in images)
        {
            var stored = await builds.StoreAsync(image.Target, image == named ? names : [], cancellation);
            using (vertex.Begin($"writing image {stored.ImageId}")) { }
            var config = await builds.ReadBlobAsync(stored.ImageId, cancellation);
            var info = new BuildResultInfo { ResultDeprecated = context.Result.Keep(new Descriptor { MediaType = MediaTypes.DockerConfig, Digest = stored.ImageId, Size = config.Length }, config) };
            info.Results[context.Index] = info.ResultDeprecated;
            context.Result.Results.Add((image.PlatformKey, info));
            if (image != named) continue;
            foreach (var name in names) using (vertex.Begin($"naming to {ImageReference.Parse(name).WithDefaultTag().Canonical}")) { }
            context.Result.Response["containerimage.config.digest"] = stored.ImageId.ToString();
            context.Result.Response["containerimage.digest"] = stored.ImageId.ToString();
        }
    }

    private async Task PushAsync(ExportContext context, VertexReporter vertex, IReadOnlyList<LayoutImage> images, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        using var held = await builds.HoldAsync(cancellation);
        var layout = await LayoutAsync(context, vertex, images, names, attest: true, cancellation);
        var services = new SessionServices(context.ClientSession, context.Job.Directory);
        foreach (var name in names)
        {
            var reference = ImageReference.Parse(name).WithDefaultTag();
            using (vertex.Begin($"pushing layers")) { }
            using (vertex.Begin($"pushing manifest for {reference.Canonical}@{layout.Root.Digest}"))
                await builds.PushAsync(layout, name, context.Attributes.Flag("push-by-digest"), await services.CredentialsAsync(reference.Domain, cancellation), vertex, cancellation);
            foreach (var entry in layout.Entries.Take(context.Attributes.Flag("store", absent: true) ? 1 : 0)) builds.NoteDigest(name, layout, entry.Config.Digest);
        }
        if (context.Attributes.Flag("store", absent: true) && !context.Attributes.Flag("push-by-digest")) builds.KeepAttestations(names, layout);
        await DescribeAsync(context, layout, cancellation);
    }

    private async Task<BlobDescriptor> KeepAsync(ExportContext context, Descriptor descriptor, CancellationToken cancellation) => context.Result.Keep(descriptor, await builds.ReadBlobAsync(descriptor.Digest, cancellation));

    private async Task DescribeAsync(ExportContext context, ImageLayout layout, CancellationToken cancellation)
    {
        var response = context.Result.Response;
        response["containerimage.digest"] = layout.Root.Digest.ToString();
        response["containerimage.descriptor"] = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(layout.Root with { Platform = null }, ImageJson.Plain.Descriptor));
        if (layout.Entries.Count == 1) response["containerimage.config.digest"] = layout.Entries[0].Config.Digest.ToString();
        context.Result.Results.Clear();
        foreach (var entry in layout.Entries)
        {
            var info = new BuildResultInfo { ResultDeprecated = await KeepAsync(context, layout.Entries.Count > 1 ? entry.Manifest : layout.Root, cancellation) };
            info.Results[context.Index] = info.ResultDeprecated;
            foreach (var statement in entry.Attestations.Skip(1).Where(static statement => !Provenance.IsOf(statement))) info.Attestations.Add(await KeepAsync(context, statement, cancellation));
            context.Result.Results.Add((layout.Entries.Count > 1 ? entry.Image.PlatformKey : "", info));
        }
    }

    private async Task<ImageLayout> LayoutAsync(ExportContext context, VertexReporter vertex, IReadOnlyList<LayoutImage> images, IReadOnlyList<string> names, bool attest, CancellationToken cancellation)
    {
        var options = context.Job.Options ?? new FrontendOptions(new Dictionary<string, string>());
        var (wanted, full) = Provenance.Mode(options);
        bool attests = attest && wanted, lists = attest && BillOfMaterials.IsWanted(options);
        Dictionary<LayoutImage, List<FoundPackage>> packages = [];
        if (lists)
        {
            using var scanning = vertex.Begin("listing packages");
            foreach (var image in images) packages[image] = await Task.Run(() => builds.FindPackages(image.Target, cancellation), cancellation);
        }
        IReadOnlyList<Attestation> Attest(LayoutImage image, Digest digest) =>
            [.. lists ? [BillOfMaterials.Make(packages[image], image, digest, names)] : Array.Empty<Attestation>(), .. attests ? [Provenance.Make(context.Job, image, digest, names, full)] : Array.Empty<Attestation>()];
        using (vertex.Begin("exporting layers"))
        {
            return await builds.LayoutAsync(images, new LayoutOptions
            {
                Compression = context.Attributes.Compression, OciTypes = attests || lists || context.Attributes.Annotations.Count > 0 || context.Attributes.Flag("oci-mediatypes", absent: false), Annotations = context.Attributes.Annotations, Index = options.MultiPlatform, Names = names,
                Attest = attests || lists ? Attest : null,
            }, cancellation);
        }
    }

    private async Task ExportArchiveAsync(ExportContext context, VertexReporter vertex, bool docker, CancellationToken cancellation)
    {
        var attributes = context.Attributes;
        if (docker && context.Solved.Length > 1) throw WharfException.Invalid("docker exporter does not currently support exporting manifest lists");
        if (!docker) attributes = attributes.With("oci-mediatypes", "true");
        context = context with { Attributes = attributes };
        var images = await FinishedAsync(context, vertex, cancellation);
        using var held = await builds.HoldAsync(cancellation);
        var layout = await LayoutAsync(context, vertex, images, attributes.Names, attest: !docker, cancellation);
        await DescribeAsync(context, layout, cancellation);
        var created = context.SourceDateEpoch is { } epoch ? DateTimeOffset.FromUnixTimeSeconds(epoch) : DateTimeOffset.UtcNow;
        if (!attributes.Flag("tar", absent: true)) await SendLayoutAsync(context, vertex, layout, cancellation);
        else using (vertex.Begin("sending tarball"))
            await SessionOutput.SendAsync(context.Session, context.Index, context.Result.Response, output => builds.WriteArchiveAsync(layout, attributes.Names, docker, created, output, cancellation), cancellation);
        if (attributes.Names.Count > 0) context.Result.Response["image.name"] = string.Join(',', attributes.Names.Select(static name => ImageReference.Parse(name).Canonical));
    }

    /// <summary>The blobs by themselves: the client makes the index, of the descriptor it is told.</summary>
    private async Task SendLayoutAsync(ExportContext context, VertexReporter vertex, ImageLayout layout, CancellationToken cancellation)
    {
        var store = new ClientContent(context.Session, "export");
        foreach (var blob in layout.Blobs.Concat(layout.Manifests).DistinctBy(static blob => blob.Digest))
            using (vertex.Begin($"copying {blob.Digest}")) await store.WriteAsync(blob, () => builds.OpenBlob(blob.Digest), cancellation);
    }

    private async Task ExportTarAsync(ExportContext context, VertexReporter vertex, CancellationToken cancellation)
    {
        using var sending = vertex.Begin("sending tarball");
        await SessionOutput.SendAsync(context.Session, context.Index, new Dictionary<string, string>(), output => builds.WriteTreesAsync(Trees(context), output, cancellation), cancellation);
    }

    private async Task ExportDirectoryAsync(ExportContext context, VertexReporter vertex, CancellationToken cancellation)
    {
        await builds.WithTreesAsync(Trees(context), async root =>
        {
            long total = 0;
            await SessionOutput.SendDirectoryAsync(context.Session, context.Index, root, bytes => vertex.Transferred("copying files", total = bytes), cancellation);
            vertex.Transferred("copying files", total, done: true);
        }, cancellation);
    }

    /// <summary>The file systems, each platform's in a directory of its own where there are several, or where that is asked for.</summary>
    private static List<(string Prefix, SolvedTarget Target)> Trees(ExportContext context)
    {
        bool split = context.Attributes.Flag("platform-split", absent: context.Solved.Any(static image => image.PlatformKey.Length > 0));
        return [.. context.Solved.Select(image => (split ? Platforms.Describe(image.Target.Plan.Target.Platform).Replace('/', '_') + "/" : "", image.Target))];
    }

    /// <summary>The images as they go out: with the times of their layers cut where that was asked for.</summary>
    private async Task<IReadOnlyList<LayoutImage>> FinishedAsync(ExportContext context, VertexReporter vertex, CancellationToken cancellation)
    {
        if (context.Solved.Any(static image => image.Target.Request.Squash))
        {
            using var merging = vertex.Begin("merging layers");
            context = context with { Solved = await Task.WhenAll(context.Solved.Select(async image => image with { Target = await builds.SquashAsync(image.Target, cancellation) })) };
        }
        var epoch = context.Attributes["source-date-epoch"] is { Length: > 0 } text ? long.Parse(text, CultureInfo.InvariantCulture) : context.SourceDateEpoch;
        if (!context.Attributes.Flag("rewrite-timestamp") || epoch is null) return context.Solved;
        using var rewriting = vertex.Begin("rewriting layers with source-date-epoch");
        var finished = new List<LayoutImage>();
        foreach (var image in context.Solved) finished.Add(image with { Target = await builds.RewriteTimesAsync(image.Target, epoch.Value, cancellation) });
        return finished;
    }
}

/// <summary>The attributes of an exporter.</summary>
internal sealed class ExportAttributes(IReadOnlyDictionary<string, string> values)
{
    public string this[string key] => values.TryGetValue(key, out var value) ? value : "";

    public ExportAttributes With(string key, string value) => new(new Dictionary<string, string>(values) { [key] = value });

    /// <summary>A switch: present without a value is on.</summary>
    public bool Flag(string key, bool absent = false) => !values.TryGetValue(key, out var value) ? absent : value is "" or "true" or "1" || (value is "false" or "0" ? false : throw WharfException.Invalid($"non-bool value for {key}: {value}"));

    public IReadOnlyList<string> Names => this["name"] is { Length: > 0 } names ? [.. names.Split(',').Select(static name => name.Trim()).Where(static name => name.Length > 0)] : [];

    public ImageService.LayerCompression Compression => this["compression"] switch
    {
        "" or "gzip" => ImageService.LayerCompression.Gzip, "uncompressed" => ImageService.LayerCompression.Uncompressed, "zstd" => ImageService.LayerCompression.Zstd,
        var other => throw WharfException.Invalid($"unsupported layer compression type: {other}"),
    };

    /// <summary>Annotations: <c>annotation.key</c>, or <c>annotation-index.key</c> and the like, with a platform in brackets where it is for one.</summary>
    public IReadOnlyList<(string Place, string Key, string Value)> Annotations
    {
        get
        {
            var found = new List<(string, string, string)>();
            foreach (var (key, value) in values)
            {
                if (!key.StartsWith("annotation", StringComparison.Ordinal)) continue;
                int dot = key.IndexOf("].", StringComparison.Ordinal) is >= 0 and var bracket ? bracket + 1 : key.IndexOf('.');
                if (dot < 0) continue;
                var place = key["annotation".Length..dot].TrimStart('-');
                found.Add((place.Length == 0 ? "manifest" : place.StartsWith('[') ? "manifest" + place : place, key[(dot + 1)..], value));
            }
            return found;
        }
    }
}
