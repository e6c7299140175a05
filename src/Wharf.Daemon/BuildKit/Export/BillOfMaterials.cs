using System.Globalization;
using System.Text.Json;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Engine.Build.Exporting;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The packages of an image as an SPDX 2.3 document, in a statement about the image (<c>--sbom</c>).</summary>
internal static class BillOfMaterials
{
    private const string Statement = "https://in-toto.io/Statement/v0.1", Predicate = "https://spdx.dev/Document", Option = "attest:sbom", None = "NOASSERTION", DocumentId = "SPDXRef-DOCUMENT", RootId = "SPDXRef-DocumentRoot-Directory";

    /// <summary>Whether the client wants it. Another scanner than the one built in is refused.</summary>
    public static bool IsWanted(FrontendOptions options)
    {
        if (!options.Has(Option)) return false;
        var parameters = options[Option].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(static part => part.Split('=', 2)).ToDictionary(static part => part[0].Trim(), static part => part.Length > 1 ? part[1].Trim() : "true", StringComparer.Ordinal);
        if (parameters.GetValueOrDefault("disabled") is "true" or "1" || parameters.ContainsKey("false")) return false;
        if (parameters.TryGetValue("generator", out var generator) && !generator.StartsWith("docker/buildkit-syft-scanner", StringComparison.Ordinal))
            throw WharfException.NotImplemented($"SBOM scanner {generator} is not supported: the one built in reads what dpkg, apk, Python and Node wrote down");
        return true;
    }

    public static Attestation Make(IReadOnlyList<FoundPackage> packages, LayoutImage image, Digest manifest, IReadOnlyList<string> names)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("_type", Statement);
            json.WriteString("predicateType", Predicate);
            Provenance.WriteSubject(json, image, manifest, names);
            json.WriteStartObject("predicate");
            WriteDocument(json, packages, image, manifest);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return new Attestation(Predicate, text.ToArray());
    }

    private static void WriteDocument(Utf8JsonWriter json, IReadOnlyList<FoundPackage> packages, LayoutImage image, Digest manifest)
    {
        json.WriteString("spdxVersion", "SPDX-2.3");
        json.WriteString("dataLicense", "CC0-1.0");
        json.WriteString("SPDXID", DocumentId);
        json.WriteString("name", "sbom");
        json.WriteString("documentNamespace", $"https://wharf.invalid/spdx/{manifest.Hex}");
        json.WriteStartObject("creationInfo");
        json.WriteStartArray("creators");
        json.WriteStringValue("Organization: Wharf");
        json.WriteStringValue($"Tool: wharf-{DaemonVersion.Product}");
        json.WriteEndArray();
        var created = image.Target.Image.Created is { } time && DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, out var parsed) ? parsed : DateTimeOffset.UnixEpoch;
        json.WriteString("created", created.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        json.WriteEndObject();
        json.WriteStartArray("packages");
        WritePackage(json, RootId, new FoundPackage("sbom", "", "", null, null, ""));
        for (int i = 0; i < packages.Count; i++) WritePackage(json, Id(i), packages[i]);
        json.WriteEndArray();
        json.WriteStartArray("relationships");
        WriteRelation(json, DocumentId, "DESCRIBES", RootId);
        for (int i = 0; i < packages.Count; i++) WriteRelation(json, RootId, "CONTAINS", Id(i));
        json.WriteEndArray();
    }

    private static string Id(int index) => string.Create(CultureInfo.InvariantCulture, $"SPDXRef-Package-{index + 1}");

    private static void WritePackage(Utf8JsonWriter json, string id, FoundPackage package)
    {
        json.WriteStartObject();
        json.WriteString("name", package.Name);
        json.WriteString("SPDXID", id);
        if (package.Version.Length > 0) json.WriteString("versionInfo", package.Version);
        json.WriteString("supplier", package.Supplier is { Length: > 0 } supplier ? $"Person: {supplier}" : None);
        json.WriteString("downloadLocation", None);
        json.WriteBoolean("filesAnalyzed", false);
        if (package.Source.Length > 0) json.WriteString("sourceInfo", $"acquired package info from /{package.Source}");
        json.WriteString("licenseConcluded", None);
        json.WriteString("licenseDeclared", None);
        if (package.License is { Length: > 0 } license) json.WriteString("licenseComments", license);
        json.WriteString("copyrightText", None);
        if (package.Url.Length > 0)
        {
            json.WriteStartArray("externalRefs");
            json.WriteStartObject();
            json.WriteString("referenceCategory", "PACKAGE-MANAGER");
            json.WriteString("referenceType", "purl");
            json.WriteString("referenceLocator", package.Url);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteRelation(Utf8JsonWriter json, string from, string kind, string to)
    {
        json.WriteStartObject();
        json.WriteString("spdxElementId", from);
        json.WriteString("relatedSpdxElement", to);
        json.WriteString("relationshipType", kind);
        json.WriteEndObject();
    }
}
