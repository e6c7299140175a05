using System.Text;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>A container's variables: plain ones, those of config maps and of the pod, and secret ones, which are in no record of the container.</summary>
internal sealed class EnvironmentReader(KubeFile file, string pod, KubeMetadata metadata)
{
    private readonly Dictionary<string, string> plain = [];
    private readonly Dictionary<string, string> secret = [];

    public void Read(KubeNode container)
    {
        foreach (var from in container.Objects("envFrom"))
        {
            var prefix = from.Text("prefix") ?? "";
            if (from.Object("configMapRef") is { } map)
                foreach (var (key, value) in Named(map, file.ConfigMaps)) SetPlain(prefix + key, Encoding.UTF8.GetString(value));
            else if (from.Object("secretRef") is { } of)
                foreach (var (key, value) in Named(of, file.Secrets)) SetSecret(prefix + key, of.Required("name"), key, value);
            else throw from.Wrong("configMapRef", "there is none, and no secretRef");
        }
        foreach (var variable in container.Objects("env")) Read(variable, variable.Required("name"));
    }

    private void Read(KubeNode variable, string name)
    {
        if (variable.Object("valueFrom") is not { } from)
        {
            SetPlain(name, Expand(variable, "value", variable.Text("value") ?? ""));
            return;
        }
        if (from.Object("configMapKeyRef") is { } map && Key(map, file.ConfigMaps) is { } config) SetPlain(name, Encoding.UTF8.GetString(config));
        if (from.Object("secretKeyRef") is { } of && Key(of, file.Secrets) is { } value) SetSecret(name, of.Required("name"), of.Required("key"), value);
        if (from.Object("fieldRef") is { } field)
        {
            field.Ignore("apiVersion");
            SetPlain(name, Field(field, field.Required("fieldPath")));
        }
    }

    private string Field(KubeNode field, string path)
    {
        if (path == "metadata.name") return pod;
        if (path == "metadata.namespace") return "default";
        foreach (var (prefix, values) in new[] { ("metadata.labels['", metadata.Labels), ("metadata.annotations['", metadata.Annotations) })
            if (path.StartsWith(prefix, StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)) return values.GetValueOrDefault(path[prefix.Length..^2], "");
        throw field.Wrong("fieldPath", $"\"{path}\" is not understood: metadata.name, namespace, labels['…'] and annotations['…'] are");
    }

    private static Dictionary<string, byte[]> Named(KubeNode reference, Dictionary<string, Dictionary<string, byte[]>> of)
    {
        var isOptional = reference.Bool("optional") == true;
        return of.TryGetValue(reference.Required("name"), out var data) ? data : isOptional ? [] : throw reference.Wrong("name", $"\"{reference.Text("name")}\" is not in the file");
    }

    private static byte[]? Key(KubeNode reference, Dictionary<string, Dictionary<string, byte[]>> of) =>
        Named(reference, of).TryGetValue(reference.Required("key"), out var value) ? value : reference.Bool("optional") == true ? null : throw reference.Wrong("key", $"{reference.Text("name")} has no \"{reference.Text("key")}\"");

    private void SetPlain(string name, string value)
    {
        plain[name] = value;
        secret.Remove(name);
    }

    private void SetSecret(string name, string of, string key, byte[] value)
    {
        if (value.Length == 0)
        {
            SetPlain(name, "");
            return;
        }
        plain.Remove(name);
        secret[name] = KubeFile.SecretName(of, key);
    }

    public void Apply(ContainerCreateRequest request, ref int secrets)
    {
        request.Env = [.. plain.Select(entry => $"{entry.Key}={entry.Value}")];
        foreach (var (name, value) in secret) request.HostConfig!.Annotations![VolumeReader.SecretKey(ref secrets)] = $"{value},type=env,target={name}";
    }

    /// <summary><c>$(NAME)</c> is the variable's value where there is one; <c>$$</c> is a dollar.</summary>
    public string Expand(KubeNode node, string key, string text)
    {
        var result = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            var end = text[i] == '$' && i + 1 < text.Length && text[i + 1] == '(' ? text.IndexOf(')', i) : -1;
            if (text[i] == '$' && i + 1 < text.Length && text[i + 1] == '$') i++;
            else if (end > 0)
            {
                var name = text[(i + 2)..end];
                if (secret.ContainsKey(name)) throw node.Wrong(key, $"$({name}) is a secret's, which would stand in the container's record");
                result.Append(plain.TryGetValue(name, out var value) ? value : text[i..(end + 1)]);
                i = end;
                continue;
            }
            result.Append(text[i]);
        }
        return result.ToString();
    }
}
