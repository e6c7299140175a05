using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Copying;

/// <summary>What is copied. With <see cref="RebaseName"/> the path is where a link led, and what is copied keeps the link's name.</summary>
internal sealed record CopySource(string Path, bool IsDirectory, string? RebaseName);

/// <summary>Where to.</summary>
internal sealed record CopyTarget(string Path, bool Exists, bool IsDirectory)
{
    /// <summary>A local destination, following links to what is really written.</summary>
    public static CopyTarget Local(string path)
    {
        var clean = CopyPath.Clean(path);
        for (var hops = 0; ; hops++)
        {
            if (hops > 10) throw new CliException($"too many symlinks in {path}");
            if (new FileInfo(clean.TrimEnd('/')).LinkTarget is not { } link || CopyPath.SaysDirectory(clean) && Directory.Exists(clean)) break;
            clean = System.IO.Path.IsPathRooted(link) ? link : System.IO.Path.Combine(CopyPath.Split(clean).Directory, link);
        }
        if (Directory.Exists(clean)) return new CopyTarget(clean, true, true);
        if (File.Exists(clean.TrimEnd('/')))
        {
            if (CopyPath.SaysDirectory(clean)) throw new CliException($"stat {System.IO.Path.GetFullPath(clean)}: not a directory");
            return new CopyTarget(clean, true, false);
        }
        var parent = CopyPath.Split(clean).Directory;
        return Directory.Exists(parent) ? new CopyTarget(clean, false, false) : throw new CliException($"invalid output path: directory {Output.Quoting.Quote(System.IO.Path.GetFullPath(parent))} does not exist");
    }
}

/// <summary>
/// The rules of docker's cp in one table: into which directory the archive is unpacked, and how its entries are renamed.
/// https://docs.docker.com/reference/cli/docker/container/cp/
/// </summary>
internal sealed record CopyPlan(string Directory, string OldName, string NewName)
{
    public static CopyPlan Make(CopySource source, CopyTarget target)
    {
        var (directory, name) = CopyPath.Split(target.Path);
        var old = CopyPath.Split(source.Path).Name;
        if (target.Exists && target.IsDirectory) return source.RebaseName is null ? new CopyPlan(target.Path, "", "") : new CopyPlan(target.Path, old, source.RebaseName);
        if (target.Exists && source.IsDirectory) throw new CliException("cannot copy directory");
        if (!target.Exists && !source.IsDirectory && CopyPath.SaysDirectory(target.Path)) throw new CliException("no such directory");
        return new CopyPlan(directory, old, name);
    }

    /// <summary>Renames the first part of an entry's name.</summary>
    public string Rename(string entryName)
    {
        if (OldName == NewName) return entryName;
        var name = entryName.StartsWith("./", StringComparison.Ordinal) && OldName != "." ? entryName[2..] : entryName;
        if (OldName is "." or "/")
        {
            var rest = OldName == "." && (name == "." || name.StartsWith("./", StringComparison.Ordinal)) ? name[1..].TrimStart('/') : name.TrimStart('/');
            return rest == "" ? NewName : $"{NewName}/{rest}";
        }
        if (name == OldName || name == OldName + "/") return name.Replace(OldName, NewName, StringComparison.Ordinal);
        return name.StartsWith(OldName + "/", StringComparison.Ordinal) ? NewName + name[OldName.Length..] : name;
    }
}
