using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Contexts;

/// <summary>Named daemons to talk to, in docker's own store: <c>contexts/meta</c> and <c>contexts/tls</c> beside config.json, one directory each, named by the digest of the name.</summary>
internal sealed partial class ContextStore(string configDirectory)
{
    public const string Default = "default";
    public static readonly string[] TlsFiles = ["ca.pem", "cert.pem", "key.pem"];

    private string Root => Path.Combine(configDirectory, "contexts");
    public string MetaPath(string name) => Path.Combine(Root, "meta", Id(name));
    public string TlsPath(string name) => Path.Combine(Root, "tls", Id(name));

    private static string Id(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));

    public static void CheckName(string name)
    {
        if (name == "") throw new CliException("context name cannot be empty");
        if (name == Default) throw new CliException("\"default\" is a reserved context name");
        if (!NamePattern().IsMatch(name)) throw new CliException($"context name {Quoting.Quote(name)} is invalid, names are validated against regexp \"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\"");
    }

    public bool Exists(string name) => File.Exists(Path.Combine(MetaPath(name), "meta.json"));

    public ContextDocument Get(string name)
    {
        var path = Path.Combine(MetaPath(name), "meta.json");
        if (!File.Exists(path)) throw new CliException($"context {Quoting.Quote(name)}: context not found: open {path}: no such file or directory");
        return Read(path);
    }

    public List<ContextDocument> All()
    {
        var directory = Path.Combine(Root, "meta");
        if (!Directory.Exists(directory)) return [];
        return [.. Directory.GetDirectories(directory).Select(path => Path.Combine(path, "meta.json")).Where(File.Exists).Select(Read).OrderBy(context => context.Name, NaturalOrder.Instance)];
    }

    private static ContextDocument Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ContextJson.Default.ContextDocument) ?? new ContextDocument();
        }
        catch (JsonException e)
        {
            throw new CliException($"parsing {path}: {e.Message}", 1, e);
        }
    }

    public void Save(ContextDocument context)
    {
        Directory.CreateDirectory(MetaPath(context.Name));
        File.WriteAllBytes(Path.Combine(MetaPath(context.Name), "meta.json"), JsonSerializer.SerializeToUtf8Bytes(context, ContextJson.Default.ContextDocument));
    }

    /// <summary>The endpoint's TLS files that are there, with their bytes.</summary>
    public Dictionary<string, byte[]> Tls(string name)
    {
        var directory = Path.Combine(TlsPath(name), "docker");
        return TlsFiles.Where(file => File.Exists(Path.Combine(directory, file))).ToDictionary(file => file, file => File.ReadAllBytes(Path.Combine(directory, file)));
    }

    public void SaveTls(string name, IReadOnlyDictionary<string, byte[]> files)
    {
        if (Directory.Exists(TlsPath(name))) Directory.Delete(TlsPath(name), recursive: true);
        if (files.Count == 0) return;
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var directory = Path.Combine(TlsPath(name), "docker");
        Directory.CreateDirectory(directory, Owner | UnixFileMode.UserExecute);
        foreach (var (file, bytes) in files)
        {
            using var stream = new FileStream(Path.Combine(directory, file), new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = Owner });
            stream.Write(bytes);
        }
    }

    public void Remove(string name)
    {
        if (Directory.Exists(MetaPath(name))) Directory.Delete(MetaPath(name), recursive: true);
        if (Directory.Exists(TlsPath(name))) Directory.Delete(TlsPath(name), recursive: true);
    }

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$")] private static partial Regex NamePattern();
}
