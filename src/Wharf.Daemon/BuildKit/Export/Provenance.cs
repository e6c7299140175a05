using System.Globalization;
using System.Text.Json;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Engine.Build.Exporting;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>
/// Where an image came from, as SLSA provenance. In the mode <c>min</c> nothing that could be secret is in it: no build arguments, no labels.
/// Values of secrets are in neither mode: the daemon never has them in what it writes.
/// </summary>
internal static class Provenance
{
    private const string Statement = "https://in-toto.io/Statement/v0.1", Predicate02 = "https://slsa.dev/provenance/v0.2", BuildType = "https://mobyproject.org/buildkit@v1";

    /// <summary>Whether the client wants provenance with its images; and then all there is, or the least.</summary>
    public static (bool Wanted, bool Full) Mode(FrontendOptions options)
    {
        if (!options.Has("attest:provenance")) return (false, false);
        var parameters = options["attest:provenance"].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(static part => part.Split('=', 2)).ToDictionary(static part => part[0].Trim(), static part => part.Length > 1 ? part[1].Trim() : "true", StringComparer.Ordinal);
        if (parameters.GetValueOrDefault("disabled") is "true" or "1" || parameters.ContainsKey("false")) return (false, false);
        return (true, parameters.GetValueOrDefault("mode") == "max");
    }

    /// <summary>Whether a descriptor is that of a provenance statement.</summary>
    public static bool IsOf(Descriptor statement) => statement.Annotations?.GetValueOrDefault(PredicateType) == Predicate02;

    /// <summary>What the build's record keeps: all there is, without the statement around it, which is of an image.</summary>
    public static byte[] MakePredicate(BuildJob job, LayoutImage image) => Text(json =>
    {
        json.WriteStartObject();
        WritePredicate(json, job, image, full: true);
        json.WriteEndObject();
    });

    public static Descriptor DescriptorOf(byte[] predicate) =>
        new() { MediaType = ImageLayout.InTotoType, Digest = Digest.OfBytes(predicate), Size = predicate.Length, Annotations = new() { [PredicateType] = Predicate02 } };

    private const string PredicateType = ImageLayout.PredicateType;

    private static byte[] Text(Action<Utf8JsonWriter> write)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) write(json);
        return text.ToArray();
    }

    public static Attestation Make(BuildJob job, LayoutImage image, Digest manifest, IReadOnlyList<string> names, bool full)
    {
        return new Attestation(Predicate02, Text(json =>
        {
            json.WriteStartObject();
            json.WriteString("_type", Statement);
            json.WriteString("predicateType", Predicate02);
            WriteSubject(json, image, manifest, names);
            json.WriteStartObject("predicate");
            WritePredicate(json, job, image, full);
            json.WriteEndObject();
            json.WriteEndObject();
        }));
    }

    public static void WriteSubject(Utf8JsonWriter json, LayoutImage image, Digest manifest, IReadOnlyList<string> names)
    {
        json.WriteStartArray("subject");
        foreach (var name in names.Count > 0 ? names : ["_"])
        {
            json.WriteStartObject();
            json.WriteString("name", name == "_" ? "_" : PackageUrl(name, image.Target.Plan.Target.Platform));
            WriteDigest(json, manifest);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static string PackageUrl(string name, Platform platform)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        return $"pkg:docker/{reference.FamiliarRepository}@{reference.Tag}?platform={Uri.EscapeDataString(Platforms.Describe(platform))}";
    }

    private static void WriteDigest(Utf8JsonWriter json, Digest digest)
    {
        json.WriteStartObject("digest");
        json.WriteString(digest.Algorithm, digest.Hex);
        json.WriteEndObject();
    }

    private static void WritePredicate(Utf8JsonWriter json, BuildJob job, LayoutImage image, bool full)
    {
        json.WriteStartObject("builder");
        json.WriteString("id", job.Options?["attest:provenance:builder-id"] ?? "");
        json.WriteEndObject();
        json.WriteString("buildType", BuildType);
        json.WriteStartArray("materials");
        foreach (var node in image.Target.Plan.Nodes.OfType<BaseNode>())
        {
            if (node.Image is not { } source) continue;
            json.WriteStartObject();
            var digest = source.RepoDigests.Select(static name => ImageReference.Parse(name).Digest).FirstOrDefault(static digest => digest is not null) ?? source.Id;
            json.WriteString("uri", source.RepoTags.Count > 0 ? PackageUrl(source.RepoTags[0], image.Target.Plan.Target.Platform) : $"pkg:docker/{source.Id}");
            WriteDigest(json, digest);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteInvocation(json, job, image, full);
        WriteMetadata(json, job, full);
    }

    private static void WriteInvocation(Utf8JsonWriter json, BuildJob job, LayoutImage image, bool full)
    {
        json.WriteStartObject("invocation");
        json.WriteStartObject("configSource");
        json.WriteString("entryPoint", job.DockerfileName);
        json.WriteEndObject();
        json.WriteStartObject("parameters");
        json.WriteString("frontend", "dockerfile.v0");
        json.WriteStartObject("args");
        foreach (var (key, value) in job.Options?.Recorded().OrderBy(static pair => pair.Key, StringComparer.Ordinal) ?? Enumerable.Empty<KeyValuePair<string, string>>())
        {
            bool maySecret = key.StartsWith("build-arg:", StringComparison.Ordinal) || key.StartsWith("label:", StringComparison.Ordinal) || key.StartsWith("vcs:", StringComparison.Ordinal) || key is "context" or "cmdline";
            if ((maySecret && !full) || key.StartsWith("attest:", StringComparison.Ordinal)) continue;
            json.WriteString(key, value);
        }
        json.WriteEndObject();
        json.WriteStartArray("locals");
        foreach (var name in new[] { "context", "dockerfile" })
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("environment");
        json.WriteString("platform", Platforms.Describe(Platforms.Host));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteMetadata(Utf8JsonWriter json, BuildJob job, bool full)
    {
        json.WriteStartObject("metadata");
        json.WriteString("buildInvocationID", job.Reference);
        json.WriteString("buildStartedOn", Time(job.StartedAt));
        json.WriteString("buildFinishedOn", Time(DateTimeOffset.UtcNow));
        json.WriteStartObject("completeness");
        json.WriteBoolean("parameters", full);
        json.WriteBoolean("environment", true);
        json.WriteBoolean("materials", false);
        json.WriteEndObject();
        json.WriteBoolean("reproducible", false);
        json.WriteStartObject(BuildType + "#metadata");
        if (full)
        {
            json.WriteStartObject("source");
            json.WriteStartArray("infos");
            json.WriteStartObject();
            json.WriteString("filename", job.DockerfileName);
            json.WriteString("language", "Dockerfile");
            json.WriteBase64String("data", System.Text.Encoding.UTF8.GetBytes(job.DockerfileText));
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);
}
