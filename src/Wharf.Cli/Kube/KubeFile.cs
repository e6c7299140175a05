using System.Text;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Specs.Yaml;

namespace Wharf.Cli.Kube;

/// <summary>The documents of a file: pods, and what they refer to. All of it is checked before anything is done.</summary>
internal sealed class KubeFile
{
    public Dictionary<string, Dictionary<string, byte[]>> ConfigMaps { get; } = [];
    public Dictionary<string, Dictionary<string, byte[]>> Secrets { get; } = [];
    public List<KubeVolume> Claims { get; } = [];
    public List<PodPlan> Pods { get; } = [];

    /// <summary>Throws <see cref="CliException"/> that names the document and the field.</summary>
    public static KubeFile Parse(string text)
    {
        var file = new KubeFile();
        var pods = new List<Action>();
        foreach (var document in Documents(text)) file.Add(document, pods);
        // Pods last: what they refer to may come after them.
        foreach (var read in pods) read();
        if (file.Pods.GroupBy(pod => pod.Name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new CliException($"Error: Pod {twice.Key} is there twice");
        return file;
    }

    /// <summary>What the daemon calls one value of a secret.</summary>
    public static string SecretName(string secret, string key) => $"{secret}.{key}";

    private static IEnumerable<JsonObject> Documents(string text)
    {
        List<JsonNode?> documents;
        try
        {
            documents = YamlReader.ReadAll(text);
        }
        catch (FormatException e)
        {
            throw new CliException($"Error: {e.Message}", 1, e);
        }
        return documents.Where(document => document is not null).Select(document => document as JsonObject ?? throw new CliException("Error: a document is no mapping"));
    }

    private void Add(JsonObject map, List<Action> pods)
    {
        var kind = map["kind"] is JsonValue value ? value.GetValue<string>() : throw new CliException("Error: a document has no kind");
        var name = (map["metadata"] as JsonObject)?["name"] is JsonValue text ? text.GetValue<string>() : throw new CliException($"Error: {kind}: metadata.name: it is missing");
        var root = new KubeNode($"{kind} {name}", "", map);
        root.Ignore("kind", "metadata", "status");
        if (root.Required("apiVersion") is var version && version != (kind == "Deployment" ? "apps/v1" : "v1")) throw root.Wrong("apiVersion", $"\"{version}\" is not understood");
        switch (kind)
        {
            case "Pod": pods.Add(() => Pods.Add(PodReader.Read(this, name, Metadata(root), root.Object("spec") ?? throw root.Wrong("spec", "it is missing"), root))); break;
            case "Deployment": pods.Add(() => Pods.Add(Deployment(name, root))); break;
            case "ConfigMap": ConfigMaps[name] = Data(root, "data", "binaryData"); break;
            case "Secret":
                root.Ignore("type");
                Secrets[name] = Data(root, "stringData", "data");
                break;
            case "PersistentVolumeClaim":
                root.Ignore("spec"); // sizes and classes are a cluster's
                Claims.Add(new KubeVolume(name));
                break;
            default: throw root.Wrong("kind", "it is not understood: only Pod, Deployment, ConfigMap, Secret and PersistentVolumeClaim are");
        }
        if (kind is not ("Pod" or "Deployment")) root.Close();
    }

    private PodPlan Deployment(string name, KubeNode root)
    {
        var spec = root.Object("spec") ?? throw root.Wrong("spec", "it is missing");
        if (spec.Number("replicas") is { } replicas and not 1) throw spec.Wrong("replicas", $"it is {replicas}, and one is what runs on one machine");
        spec.Ignore("selector", "strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds");
        var template = spec.Object("template") ?? throw spec.Wrong("template", "it is missing");
        return PodReader.Read(this, name + "-pod", Metadata(template), template.Object("spec") ?? throw template.Wrong("spec", "it is missing"), root);
    }

    private static KubeMetadata Metadata(KubeNode of) => of.Object("metadata") is { } metadata ? KubeMetadata.Read(metadata) : new KubeMetadata([], []);

    /// <summary>Texts of the one field, and base64 of the other.</summary>
    private static Dictionary<string, byte[]> Data(KubeNode root, string plain, string encoded)
    {
        root.Ignore("immutable");
        var data = root.Map(encoded).ToDictionary(entry => entry.Key, entry =>
        {
            try
            {
                return Convert.FromBase64String(entry.Value);
            }
            catch (FormatException)
            {
                throw root.Wrong($"{encoded}.{entry.Key}", "it is no base64");
            }
        });
        foreach (var (key, text) in root.Map(plain)) data[key] = Encoding.UTF8.GetBytes(text);
        foreach (var key in data.Keys)
            if (key is "" or "." or ".." || !key.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')) throw root.Wrong(plain, $"\"{key}\" is no key: only letters, digits, '-', '_' and '.' are");
        return data;
    }
}

/// <summary>What a pod is labelled with.</summary>
internal sealed record KubeMetadata(Dictionary<string, string> Labels, Dictionary<string, string> Annotations)
{
    public static KubeMetadata Read(KubeNode metadata)
    {
        metadata.Ignore("name", "namespace", "generateName", "creationTimestamp", "uid", "resourceVersion", "generation", "managedFields", "ownerReferences", "finalizers");
        // What says which containers belong together is said anew.
        var labels = metadata.Map("labels").Where(label => !label.Key.StartsWith("wharf.pod", StringComparison.Ordinal) && !label.Key.StartsWith("wharf.kube.", StringComparison.Ordinal));
        return new KubeMetadata(new Dictionary<string, string>(labels), metadata.Map("annotations"));
    }
}
