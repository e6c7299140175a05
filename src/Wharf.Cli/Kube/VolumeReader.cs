using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Kube;

/// <summary>A pod's volume as its containers mount it.</summary>
internal sealed class PodVolume
{
    /// <summary>The mount without its target; null when files are secrets.</summary>
    public Func<Mount>? Make { get; init; }
    public bool IsReadOnly { get; init; }
    /// <summary>Secrets by the path below the mount.</summary>
    public List<(string Path, string Secret, long Mode)> Secrets { get; init; } = [];
}

/// <summary>Reads a pod's volumes.</summary>
internal sealed class VolumeReader(KubeFile file, PodPlan pod)
{
    private readonly Dictionary<string, PodVolume> volumes = [];

    public void Read(KubeNode volume)
    {
        var name = volume.Required("name");
        if (!volumes.TryAdd(name, Source(volume, name))) throw volume.Wrong("name", $"\"{name}\" is there twice");
    }

    private PodVolume Source(KubeNode volume, string name)
    {
        if (volume.Object("hostPath") is { } host) return HostPath(host);
        if (volume.Object("persistentVolumeClaim") is { } claim)
        {
            var claimed = claim.Required("claimName");
            return new PodVolume { IsReadOnly = claim.Bool("readOnly") == true, Make = () => new Mount { Type = "volume", Source = claimed } };
        }
        if (volume.Object("emptyDir") is { } empty)
        {
            var size = KubeQuantity.Read(empty, "sizeLimit");
            var isMemory = empty.Choice("medium", "", "Memory") == "Memory";
            var options = string.Create(CultureInfo.InvariantCulture, $"mode=1777{(size is null ? "" : $",size={size}")}");
            return Own(new KubeVolume($"{pod.Name}-{name}") { Files = isMemory ? null : [], DriverOptions = isMemory ? new() { ["type"] = "tmpfs", ["device"] = "tmpfs", ["o"] = options } : null });
        }
        if (volume.Object("configMap") is { } map)
        {
            var items = Items(map, "name", file.ConfigMaps);
            return Own(new KubeVolume($"{pod.Name}-{name}") { Files = [.. items.Select(item => new KubeVolumeFile(item.Path, item.Content, (UnixFileMode)item.Mode))] }, isReadOnly: true);
        }
        if (volume.Object("secret") is { } secret)
        {
            var of = secret.Required("secretName");
            return new PodVolume { IsReadOnly = true, Secrets = [.. Items(secret, "secretName", file.Secrets).Select(item => item.Content.Length == 0 ? throw secret.Wrong("secretName", $"{of}.{item.Key} is empty, and no file") : (item.Path, KubeFile.SecretName(of, item.Key), item.Mode))] };
        }
        if (volume.Object("image") is { } image)
        {
            var reference = image.Required("reference");
            image.Ignore("pullPolicy");
            return new PodVolume { IsReadOnly = true, Make = () => new Mount { Type = "image", Source = reference } };
        }
        throw volume.Wrong("name", $"\"{name}\" has none of hostPath, emptyDir, configMap, secret, persistentVolumeClaim and image");
    }

    private PodVolume Own(KubeVolume volume, bool isReadOnly = false)
    {
        pod.Volumes.Add(volume);
        return new PodVolume { IsReadOnly = isReadOnly, Make = () => new Mount { Type = "volume", Source = volume.Name, VolumeOptions = new MountVolumeOptions { NoCopy = true } } };
    }

    private static PodVolume HostPath(KubeNode host)
    {
        var path = host.Required("path");
        if (path[0] != '/') throw host.Wrong("path", $"\"{path}\" is not absolute");
        var makes = host.Choice("type", "", "Directory", "DirectoryOrCreate", "File", "Socket", "CharDevice", "BlockDevice") == "DirectoryOrCreate";
        return new PodVolume { Make = () => new Mount { Type = "bind", Source = path, BindOptions = makes ? new MountBindOptions { CreateMountpoint = true } : null } };
    }

    /// <summary>The keys of a config map or secret that a volume has, all or those that it names.</summary>
    private static List<(string Key, string Path, byte[] Content, long Mode)> Items(KubeNode volume, string reference, Dictionary<string, Dictionary<string, byte[]>> of)
    {
        var mode = Mode(volume, "defaultMode") ?? 0b110_100_100;
        var name = volume.Required(reference);
        var items = volume.Objects("items");
        var isOptional = volume.Bool("optional") == true;
        if (!of.TryGetValue(name, out var data)) return isOptional ? [] : throw volume.Wrong(reference, $"\"{name}\" is not in the file");
        if (items.Count == 0) return [.. data.Select(entry => (entry.Key, entry.Key, entry.Value, mode))];
        return [.. items.Select(item => data.TryGetValue(item.Required("key"), out var content) ? (item.Required("key"), Inside(item, "path", item.Required("path")), content, Mode(item, "mode") ?? mode) : throw item.Wrong("key", $"{name} has no \"{item.Text("key")}\""))];
    }

    private static string Inside(KubeNode node, string key, string path) => path[0] != '/' && !path.Split('/').Contains("..") ? path : throw node.Wrong(key, $"\"{path}\" leads out of the volume");

    /// <summary>A number, which YAML writes octal when it begins with a zero.</summary>
    private static long? Mode(KubeNode node, string key)
    {
        if (node.Text(key) is not { } text) return null;
        var digits = text.StartsWith("0o", StringComparison.Ordinal) ? text[2..] : text;
        var isOctal = text.StartsWith('0');
        if (!digits.All(c => c is >= '0' and <= '9' && (!isOctal || c < '8')) || digits.Length is 0 or > 5) throw node.Wrong(key, $"\"{text}\" is no file mode");
        var mode = Convert.ToInt64(digits, isOctal ? 8 : 10);
        return mode <= 0b111_111_111 ? mode : throw node.Wrong(key, $"\"{text}\" is beyond 0777");
    }

    public void Mount(KubeNode mount, ContainerCreateRequest request, ref int secrets)
    {
        var (name, target, subPath) = (mount.Required("name"), mount.Required("mountPath"), mount.Text("subPath"));
        if (!volumes.TryGetValue(name, out var volume)) throw mount.Wrong("name", $"the pod has no volume \"{name}\"");
        if (subPath is { Length: > 0 }) Inside(mount, "subPath", subPath);
        var isReadOnly = mount.Bool("readOnly") == true || volume.IsReadOnly;
        var propagation = mount.Choice("mountPropagation", "None", "HostToContainer", "Bidirectional") switch { "HostToContainer" => "rslave", "Bidirectional" => "rshared", _ => null };
        if (volume.Make is null)
        {
            foreach (var (path, secret, mode) in volume.Secrets)
            {
                var place = subPath is not { Length: > 0 } ? $"{target.TrimEnd('/')}/{path}" : path == subPath ? target : null;
                if (place is not null) request.HostConfig!.Annotations![SecretKey(ref secrets)] = $"{secret},target={(place.Contains(',') ? throw mount.Wrong("mountPath", "it has a comma") : place)},mode={Convert.ToString(mode, 8)}";
            }
            return;
        }
        var made = volume.Make();
        (made.Target, made.ReadOnly) = (target, isReadOnly);
        if (propagation is not null && made.Type == "bind") (made.BindOptions ??= new MountBindOptions()).Propagation = propagation;
        if (subPath is { Length: > 0 })
        {
            if (made.Type == "bind") made.Source = $"{made.Source!.TrimEnd('/')}/{subPath}";
            else if (made.Type == "image") made.ImageOptions = new MountImageOptions { Subpath = subPath };
            else (made.VolumeOptions ??= new MountVolumeOptions()).Subpath = subPath;
        }
        request.HostConfig!.Mounts!.Add(made);
    }

    public static string SecretKey(ref int count) => string.Create(CultureInfo.InvariantCulture, $"wharf.secret.kube{count++:000}");
}
