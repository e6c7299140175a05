using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>--mount type=bind,source=…,target=…,readonly</c> and its other keys.</summary>
internal static class MountSpec
{
    public static Mount Parse(string text)
    {
        var mount = new Mount { Type = "volume" };
        var touched = new HashSet<string>();
        string? ofArtifacts = null;
        foreach (var field in CsvLine.Split(text))
        {
            var (key, value) = KeyValue.Split(field);
            key = key.ToLowerInvariant();
            if (!field.Contains('='))
            {
                if (key is not ("readonly" or "ro" or "volume-nocopy" or "bind-nonrecursive" or "bind-create-src")) throw new FormatException($"invalid field '{field}' must be a key=value pair");
                value = "true";
            }
            // "name" and the like are other tools' words for volumes: of another type they stay as unknown as they are to docker.
            if (ApplyArtifact(mount, key, value)) ofArtifacts ??= $"unexpected key '{key}' in '{field}'";
            else Apply(mount, key, value, field);
            if (key.IndexOf('-') is > 0 and var dash) touched.Add(key[..dash]);
        }
        if (ofArtifacts is not null && mount.Type != "artifact") throw new FormatException(ofArtifacts);
        if (string.IsNullOrEmpty(mount.Target)) throw new FormatException("target is required");
        foreach (var kind in new[] { "volume", "bind", "image", "tmpfs" })
        {
            if (touched.Contains(kind) && mount.Type != kind) throw new FormatException($"cannot mix '{kind}-*' options with mount type '{mount.Type}'");
        }
        if (mount.BindOptions is { ReadOnlyNonRecursive: not null } or { ReadOnlyForceRecursive: not null } && mount.ReadOnly != true)
            throw new FormatException("option 'bind-recursive=" + (mount.BindOptions.ReadOnlyForceRecursive == true ? "readonly" : "writable") + "' requires 'readonly' to be specified in conjunction");
        return mount;
    }

    private static void Apply(Mount mount, string key, string value, string field)
    {
        switch (key)
        {
            case "type":
                mount.Type = value.ToLowerInvariant();
                break;
            case "source" or "src":
                // A relative directory is relative to here, not to the daemon.
                mount.Source = value == "." || value.StartsWith("./", StringComparison.Ordinal) || value.StartsWith("../", StringComparison.Ordinal) ? Path.GetFullPath(value) : value;
                break;
            case "target" or "dst" or "destination":
                mount.Target = value;
                break;
            case "readonly" or "ro":
                mount.ReadOnly = Bool(key, value);
                break;
            case "consistency":
                mount.Consistency = value.ToLowerInvariant();
                break;
            case ['b', 'i', 'n', 'd', '-', ..]:
                ApplyBind(mount.BindOptions ??= new MountBindOptions(), key, value, field);
                break;
            case ['v', 'o', 'l', 'u', 'm', 'e', '-', ..]:
                ApplyVolume(mount.VolumeOptions ??= new MountVolumeOptions(), key, value, field);
                break;
            case "image-subpath":
                (mount.ImageOptions ??= new MountImageOptions()).Subpath = value;
                break;
            case "tmpfs-size":
                (mount.TmpfsOptions ??= new MountTmpfsOptions()).SizeBytes = Size(key, value);
                break;
            case "tmpfs-mode":
                (mount.TmpfsOptions ??= new MountTmpfsOptions()).Mode = Octal(key, value);
                break;
            default:
                throw new FormatException($"unexpected key '{key}' in '{field}'");
        }
    }

    private static bool ApplyArtifact(Mount mount, string key, string value)
    {
        if (key is not ("digest" or "title" or "name")) return false;
        var options = mount.ArtifactOptions ??= new MountArtifactOptions();
        if (key == "digest") options.Digest = value;
        else if (key == "title") options.Title = value;
        else options.Name = value;
        return true;
    }

    private static void ApplyBind(MountBindOptions bind, string key, string value, string field)
    {
        switch (key)
        {
            case "bind-propagation":
                bind.Propagation = value.ToLowerInvariant();
                break;
            case "bind-nonrecursive":
                bind.NonRecursive = Bool(key, value);
                break;
            case "bind-create-src":
                bind.CreateMountpoint = Bool(key, value);
                break;
            case "bind-recursive":
                switch (value)
                {
                    case "enabled": break;
                    case "disabled": bind.NonRecursive = true; break;
                    case "writable": bind.ReadOnlyNonRecursive = true; break;
                    case "readonly": bind.ReadOnlyForceRecursive = true; break;
                    default: throw new FormatException($"invalid value for {key}: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")");
                }
                break;
            default:
                throw new FormatException($"unexpected key '{key}' in '{field}'");
        }
    }

    private static void ApplyVolume(MountVolumeOptions volume, string key, string value, string field)
    {
        switch (key)
        {
            case "volume-nocopy":
                volume.NoCopy = Bool(key, value);
                break;
            case "volume-subpath":
                volume.Subpath = value;
                break;
            case "volume-label":
                Add(volume.Labels ??= [], value);
                break;
            case "volume-driver":
                (volume.DriverConfig ??= new MountVolumeOptionsDriverConfig()).Name = value;
                break;
            case "volume-opt":
                Add((volume.DriverConfig ??= new MountVolumeOptionsDriverConfig()).Options ??= [], value);
                break;
            default:
                throw new FormatException($"unexpected key '{key}' in '{field}'");
        }
    }

    private static void Add(Dictionary<string, string> map, string pair)
    {
        var (key, value) = KeyValue.Split(pair);
        map[key] = value;
    }

    private static bool Bool(string key, string value) => Specs.GoSyntax.Bool(value) ?? throw new FormatException($"invalid value for {key}: {value}");

    private static long Size(string key, string value)
    {
        try
        {
            return Units.ParseBytes(value);
        }
        catch (FormatException e)
        {
            throw new FormatException($"invalid value for {key}: {value}", e);
        }
    }

    private static long Octal(string key, string value)
    {
        long mode = 0;
        if (value == "") throw new FormatException($"invalid value for {key}: {value}");
        foreach (var c in value) mode = c is >= '0' and <= '7' && mode < 1 << 24 ? mode * 8 + c - '0' : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"invalid value for {key}: {value}"));
        return mode;
    }
}
