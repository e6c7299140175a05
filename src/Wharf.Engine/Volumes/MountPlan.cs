using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>One mount of a container in the one form that all of docker's ways to ask for it come down to (SECURITY invariant 14).</summary>
public sealed record MountPlan
{
    /// <summary><c>bind</c>, <c>volume</c>, <c>tmpfs</c>, <c>image</c> or <c>artifact</c>.</summary>
    public required string Type { get; init; }
    /// <summary>Where in the container; absolute and without dots.</summary>
    public required string Destination { get; init; }
    /// <summary>Of a bind, the path on the host; of an image or artifact, its reference.</summary>
    public string Source { get; init; } = "";
    /// <summary>Of a volume; empty for an anonymous one.</summary>
    public string Volume { get; init; } = "";
    public bool ReadOnly { get; init; }
    /// <summary>Of a bind; empty where nothing is asked for.</summary>
    public string Propagation { get; init; } = "";
    /// <summary>As docker's inspect shows it.</summary>
    public string Mode { get; init; } = "";
    public bool NoCopy { get; init; }
    public string Subpath { get; init; } = "";
    public bool NonRecursive { get; init; }
    public bool ReadOnlyNonRecursive { get; init; }
    public bool ReadOnlyForceRecursive { get; init; }
    /// <summary>Owners that are shown as others.</summary>
    internal IdMapOption? IdMap { get; init; }
    /// <summary>Make the directory on the host when it is not there.</summary>
    public bool CreateSource { get; init; }
    public MountVolumeOptions? VolumeOptions { get; init; }
    public MountTmpfsOptions? Tmpfs { get; init; }
    public MountArtifactOptions? Artifact { get; init; }
}

/// <summary>Reads docker's <c>-v</c>, <c>--mount</c> and VOLUME into <see cref="MountPlan"/>s; messages are docker's.</summary>
public static class MountParser
{
    private static readonly string[] Propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

    /// <summary><c>/host:/in[:mode]</c>, <c>volume:/in[:mode]</c> or <c>/in</c>.</summary>
    public static MountPlan ParseBind(string text)
    {
        var parts = text.Split(':');
        var (source, destination, mode) = parts switch
        {
            [var only] => ("", only, ""),
            // A place and a mode would be an anonymous volume, which docker does not take.
            [_, var second] when second.Length == 0 || IsMode(second) => throw WharfException.Invalid($"invalid volume specification: '{text}'"),
            [var first, var second] => (first, second, ""),
            [var first, var second, var third] => (first, second, third),
            _ => throw WharfException.Invalid($"invalid volume specification: '{text}'"),
        };
        if (parts.Length > 1 && ((source.Length == 0 && mode.Length == 0) || destination.Length == 0)) throw WharfException.Invalid($"invalid volume specification: '{text}'" + (source.StartsWith('/') ? ": invalid mount config for type \"bind\": field Target must not be empty" : ""));
        if (mode.Length > 0 && !IsMode(mode)) throw WharfException.Invalid($"invalid mode: {mode}");
        bool bind = source.StartsWith('/');
        RequireDestination(destination, bind ? "bind" : "volume", $"invalid volume specification: '{text}': ");
        var words = mode.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var propagation = words.FirstOrDefault(word => Array.IndexOf(Propagations, word) >= 0);
        if (!bind && propagation is not null) throw WharfException.Invalid($"invalid volume specification: '{text}': invalid mount config for type \"volume\": field BindOptions must not be specified");
        if (bind && words.Contains("nocopy")) throw WharfException.Invalid($"invalid volume specification: '{text}': invalid mount config for type \"bind\": field VolumeOptions must not be specified");
        return new MountPlan
        {
            Type = bind ? "bind" : "volume",
            Destination = Clean(destination),
            Source = bind ? Clean(source) : "",
            Volume = bind ? "" : source,
            ReadOnly = words.Contains("ro"),
            Propagation = propagation ?? "",
            Mode = mode.Length == 0 && !bind ? "z" : mode,
            NoCopy = words.Contains("nocopy"),
            IdMap = words.Select(IdMapOption.TryParse).FirstOrDefault(map => map is not null),
            CreateSource = bind,
        };
    }

    public static MountPlan ParseMount(Mount mount)
    {
        var type = mount.Type ?? "";
        if (mount.Target is not { Length: > 0 } target) throw Bad(type, "field Target must not be empty");
        if (type is not ("bind" or "volume" or "tmpfs" or "image" or "artifact")) throw Bad(type, "mount type unknown");
        RequireDestination(target, type, "");
        RejectOthers(mount, type);
        if (type == "bind") return ParseBindMount(mount, target);
        bool isFixed = type is "image" or "artifact";
        if (isFixed && mount.Source is not { Length: > 0 }) throw Bad(type, "field Source must not be empty");
        if (mount.ArtifactOptions is { Digest.Length: > 0, Title.Length: > 0 }) throw Bad(type, "ArtifactOptions: Digest and Title exclude each other");
        if (type == "tmpfs") CheckTmpfs(mount.TmpfsOptions);
        if (type == "tmpfs" && mount.Source is { Length: > 0 }) throw Bad(type, "field Source must not be specified");
        return new MountPlan
        {
            Type = type,
            Destination = Clean(target),
            Volume = type == "volume" ? mount.Source ?? "" : "",
            Source = isFixed ? mount.Source! : "",
            ReadOnly = isFixed || (mount.ReadOnly ?? false),
            Propagation = isFixed ? "rprivate" : "",
            Mode = type == "volume" ? "z" : "",
            NoCopy = mount.VolumeOptions?.NoCopy ?? false,
            Subpath = mount.VolumeOptions?.Subpath ?? mount.ImageOptions?.Subpath ?? "",
            VolumeOptions = mount.VolumeOptions,
            Tmpfs = mount.TmpfsOptions,
            Artifact = mount.ArtifactOptions,
        };
    }

    private static MountPlan ParseBindMount(Mount mount, string target)
    {
        if (mount.Source is not { Length: > 0 } source) throw Bad("bind", "field Source must not be empty");
        if (!source.StartsWith('/')) throw Bad("bind", $"invalid mount path: '{source}' mount path must be absolute");
        var options = mount.BindOptions;
        if (options?.Propagation is { Length: > 0 } given && Array.IndexOf(Propagations, given) < 0) throw Bad("bind", $"invalid propagation mode: {given}");
        bool create = options?.CreateMountpoint ?? false;
        if (!create && !Path.Exists(source)) throw Bad("bind", $"bind source path does not exist: {source}");
        return new MountPlan
        {
            Type = "bind",
            Destination = Clean(target),
            Source = Clean(source),
            ReadOnly = mount.ReadOnly ?? false,
            Propagation = options?.Propagation ?? "",
            NonRecursive = options?.NonRecursive ?? false,
            ReadOnlyNonRecursive = options?.ReadOnlyNonRecursive ?? false,
            ReadOnlyForceRecursive = options?.ReadOnlyForceRecursive ?? false,
            CreateSource = create,
        };
    }

    private static void RejectOthers(Mount mount, string type)
    {
        Reject("BindOptions", mount.BindOptions is not null, type == "bind");
        Reject("VolumeOptions", mount.VolumeOptions is not null, type == "volume");
        Reject("ImageOptions", mount.ImageOptions is not null, type == "image");
        Reject("ArtifactOptions", mount.ArtifactOptions is not null, type == "artifact");
        Reject("TmpfsOptions", mount.TmpfsOptions is not null, type == "tmpfs");
        if ((mount.VolumeOptions?.Subpath ?? mount.ImageOptions?.Subpath) is { Length: > 0 } subpath && (Path.IsPathRooted(subpath) || subpath.Split('/').Contains("..")))
            throw Bad(type, "subpath must be a relative path within the volume");
        if (mount.VolumeOptions?.Subpath is { Length: > 0 } && mount.Source is not { Length: > 0 }) throw Bad(type, "must not set Subpath when using anonymous volumes");

        void Reject(string field, bool given, bool own)
        {
            if (given && !own) throw WharfException.Invalid($"{field} must not be specified on mount type \"{type}\"");
        }
    }

    private static void CheckTmpfs(MountTmpfsOptions? options)
    {
        foreach (var option in options?.Options ?? [])
            if (option.Count is < 1 or > 2) throw Bad("tmpfs", "invalid option array length");
            else if (option is not ["exec" or "noexec"]) throw Bad("tmpfs", $"invalid option: {option.FirstOrDefault()}");
    }

    /// <summary>An image's or user's VOLUME: an anonymous volume.</summary>
    public static MountPlan ParseVolume(string destination)
    {
        RequireDestination(destination, "volume", $"invalid volume specification: '{destination}': ");
        return new MountPlan { Type = "volume", Destination = Clean(destination) };
    }

    /// <summary><c>container[:ro|rw]</c>.</summary>
    public static (string Container, bool ReadOnly) ParseVolumesFrom(string text)
    {
        int colon = text.IndexOf(':');
        var name = colon < 0 ? text : text[..colon];
        var mode = colon < 0 ? "" : text[(colon + 1)..];
        if (text.Length == 0) throw WharfException.Invalid("volumes-from specification cannot be an empty string");
        if (name.Length == 0) throw WharfException.Invalid("invalid name or ID supplied: \"\"");
        if (mode.Length > 0 && !IsMode(mode)) throw WharfException.Invalid($"invalid mode: {mode}");
        return (name, mode.Split(',').Contains("ro"));
    }

    /// <summary>Without dots and doubled slashes; <c>..</c> stops at the root.</summary>
    public static string Clean(string path)
    {
        var kept = new List<string>();
        foreach (var part in path.Split('/'))
        {
            if (part is "" or ".") continue;
            if (part != "..") kept.Add(part);
            else if (kept.Count > 0) kept.RemoveAt(kept.Count - 1);
        }
        return "/" + string.Join('/', kept);
    }

    private static void RequireDestination(string destination, string type, string prefix)
    {
        if (!destination.StartsWith('/')) throw WharfException.Invalid($"{prefix}invalid mount config for type \"{type}\": invalid mount path: '{destination}' mount path must be absolute");
        if (Clean(destination) == "/") throw WharfException.Invalid($"{prefix}invalid mount config for type \"{type}\": invalid specification: destination can't be '/'");
    }

    /// <summary>Words of a mode, each kind at most once.</summary>
    private static bool IsMode(string text)
    {
        int access = 0, label = 0, propagation = 0, copy = 0, consistency = 0, map = 0;
        foreach (var word in text.Split(','))
        {
            switch (word)
            {
                case "ro" or "rw": access++; break;
                case "z" or "Z": label++; break;
                case "nocopy": copy++; break;
                case "consistent" or "cached" or "delegated" or "default": consistency++; break;
                default:
                    if (IdMapOption.TryParse(word) is not null) map++;
                    else if (Array.IndexOf(Propagations, word) >= 0) propagation++;
                    else return false;
                    break;
            }
        }
        return access <= 1 && label <= 1 && propagation <= 1 && copy <= 1 && consistency <= 1 && map <= 1;
    }

    private static WharfException Bad(string type, string why) => WharfException.Invalid($"invalid mount config for type \"{type}\": {why}");
}
