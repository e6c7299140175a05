using System.Text.Json;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>A bundle's directory and configuration.</summary>
internal sealed record Bundle(string Directory, Spec Spec, byte[] Config)
{
    public static Bundle Load(string? path)
    {
        var directory = path is { Length: > 0 } ? Path.GetFullPath(path) : Environment.CurrentDirectory;
        if (!System.IO.Directory.Exists(directory)) throw new RuntimeException($"chdir {path}: no such file or directory");
        byte[] config;
        try { config = File.ReadAllBytes(Path.Combine(directory, "config.json")); }
        catch (FileNotFoundException) { throw new RuntimeException("JSON specification file config.json not found"); }
        return new Bundle(directory, Parse(config, directory), config);
    }

    /// <summary>Reads a configuration whose relative paths are the bundle's.</summary>
    public static Spec Parse(byte[] config, string directory)
    {
        Spec spec;
        try { spec = SpecJson.ReadSpec(config) ?? throw new RuntimeException("config.json: null is no configuration"); }
        catch (JsonException error) { throw new RuntimeException($"config.json: {JsonWords.Of(error)}"); }
        spec.Linux ??= new LinuxSpec();
        if (spec.Root is { Path.Length: > 0 } root && !Path.IsPathRooted(root.Path)) root.Path = Path.Combine(directory, root.Path);
        // Sources of binds may be relative to the bundle (config.md, "mounts").
        foreach (var mount in spec.Mounts ?? [])
            if (mount.Source is { Length: > 0 } source && source[0] != '/' && IsBind(mount)) mount.Source = Path.Combine(directory, source);
        return spec;
    }

    private static bool IsBind(Mount mount) => mount.Type == "bind" || mount.Options?.Any(option => option is "bind" or "rbind") == true;
}
