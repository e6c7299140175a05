using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Plugins;

/// <summary>Where a plugin of docker's first protocol listens: <c>NAME.sock</c>, or a file NAME.spec or NAME.json that tells.</summary>
internal sealed partial record PluginAddress(string? SocketPath, Uri? Url)
{
    private static readonly string[] SocketDirectories = ["/run/docker/plugins"];
    private static readonly string[] SpecDirectories = ["/etc/docker/plugins", "/usr/lib/docker/plugins"];

    /// <summary>Null where there is no plugin of that name.</summary>
    public static PluginAddress? Find(string name)
    {
        // The name becomes part of paths.
        if (!NamePattern().IsMatch(name)) return null;
        foreach (var directory in SocketDirectories)
            foreach (var path in (ReadOnlySpan<string>)[$"{directory}/{name}.sock", $"{directory}/{name}/{name}.sock"])
                if (File.Exists(path)) return new PluginAddress(path, null);
        foreach (var directory in SpecDirectories)
        {
            foreach (var path in (ReadOnlySpan<string>)[$"{directory}/{name}.spec", $"{directory}/{name}/{name}.spec"])
                if (File.Exists(path)) return Parse(name, File.ReadAllText(path).Trim());
            foreach (var path in (ReadOnlySpan<string>)[$"{directory}/{name}.json", $"{directory}/{name}/{name}.json"])
                if (File.Exists(path)) return Parse(name, AddressIn(path));
        }
        return null;
    }

    /// <summary>Names of all plugins that there are.</summary>
    public static IEnumerable<string> Names() => SocketDirectories.SelectMany(directory => Entries(directory, ".sock")).Concat(SpecDirectories.SelectMany(directory => Entries(directory, ".spec", ".json"))).Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> Entries(string directory, params string[] endings)
    {
        if (!Directory.Exists(directory)) return [];
        return Directory.EnumerateFileSystemEntries(directory).Select(path => Directory.Exists(path) ? Path.GetFileName(path) : endings.Contains(Path.GetExtension(path)) ? Path.GetFileNameWithoutExtension(path) : "").Where(name => name.Length > 0);
    }

    private static string AddressIn(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.TryGetProperty("Addr", out var address) ? address.GetString() ?? "" : "";
        }
        catch (JsonException error) { throw WharfException.Invalid($"plugin file {path}: {error.Message}", error); }
    }

    private static PluginAddress Parse(string name, string address)
    {
        if (address.StartsWith("unix://", StringComparison.Ordinal)) return new PluginAddress(address["unix://".Length..], null);
        if (address.StartsWith("tcp://", StringComparison.Ordinal)) address = "http://" + address["tcp://".Length..];
        return Uri.TryCreate(address, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? new PluginAddress(null, url) : throw WharfException.Invalid($"plugin {name}: \"{address}\" is no address of a plugin");
    }

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9_.-]*\z", RegexOptions.CultureInvariant)] private static partial Regex NamePattern();
}
