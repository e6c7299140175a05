using System.Globalization;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Oci;
using Wharf.Linux.Fds;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>
/// COPY, and ADD of what is no archive: the sources written as a layer, in one pass, without mounting anything to write to. Owners are
/// root's for the build context and stay for another stage, unless <c>--chown</c> says otherwise.
/// </summary>
internal sealed class CopyStep(CopyNode node, Fd source, IReadOnlySet<string> excluded, Fd root, long now, Limits limits)
{
    private Destination _destination = new(root);
    private RepeatedNames? _repeated;
    private readonly IgnorePatterns _ignored = IgnorePatterns.Parse(node.Excludes);
    private readonly (uint Uid, uint Gid)? _owner = OwnerOf(node.Owner, node.IsClassic, root, limits);
    private readonly ModeChange? _mode = ModeChange.Parse(node.Mode);
    private long _directoryTime;

    /// <summary>What BuildKit's umask leaves of an octal mode for a directory that it makes; what is copied gets all of it.</summary>
    private const uint PermissionsOfNew = 0x1ed;

    /// <summary>Writes the layer. Each source is known to exist only now, hence NotFound from here.</summary>
    public async Task WriteAsync(Stream output, CancellationToken cancellation)
    {
        var tar = new TarWriter(output);
        _directoryTime = TimeOfLast() ?? now;
        if (node.Sources.Count + node.Inline.Count > 1 || node.Sources.Any(CopySources.HasWildcards))
        {
            _repeated = new RepeatedNames();
            _destination = new Destination(root, _repeated.Take);
            await WriteSourcesAsync(tar, cancellation);
            _repeated.Counted();
            _destination = new Destination(root, _repeated.Take);
        }
        await WriteSourcesAsync(tar, cancellation);
        await tar.FinishAsync(cancellation);
    }

    private async Task WriteSourcesAsync(TarWriter tar, CancellationToken cancellation)
    {
        foreach (var word in node.Sources)
        {
            foreach (var found in Sorted(CopySources.Find(source, Pivotless(word), excluded, deep: node.Parents, strict: node.IsClassic)))
                using (found) await WriteSourceAsync(tar, word, found, cancellation);
        }
        foreach (var (name, content) in node.Inline) await WriteInlineAsync(tar, name, content, cancellation);
    }

    /// <summary>A directory whose contents are copied gives its time to the destination, unless a file comes there after it.</summary>
    private long? TimeOfLast()
    {
        if (node.Parents || node.Inline.Count > 0 || node.Sources.Count == 0) return null;
        var all = Sorted(CopySources.Find(source, node.Sources[^1], excluded, strict: node.IsClassic)).ToList();
        long? time = all is [.., { IsDirectory: true } last] ? last.Stat.ModifiedSeconds : null;
        foreach (var found in all) found.Dispose();
        return time;
    }

    private static IEnumerable<CopySource> Sorted(List<CopySource> sources) => sources.OrderBy(found => found.Path, StringComparer.Ordinal);

    private static string Pivotless(string word) => word.Replace("/./", "/", StringComparison.Ordinal);

    private async Task WriteSourceAsync(TarWriter tar, string word, CopySource found, CancellationToken cancellation)
    {
        var target = node.Destination;
        if (node.Parents) target = $"{target.TrimEnd('/')}/{ParentsOf(word, found)}";
        if (found.IsDirectory) await WriteDirectoryAsync(tar, target, found, cancellation);
        else await WriteFileAsync(tar, target, found, cancellation);
    }

    /// <summary>With <c>--parents</c> the path stays, from after a <c>/./</c> on where there is one.</summary>
    private static string ParentsOf(string word, CopySource found)
    {
        int pivot = word.IndexOf("/./", StringComparison.Ordinal);
        var kept = found.Path;
        if (pivot >= 0)
        {
            int parts = word[..pivot].Split('/', StringSplitOptions.RemoveEmptyEntries).Length;
            kept = string.Join('/', found.Path.Split('/')[parts..]);
        }
        return found.IsDirectory ? kept : kept[..(kept.LastIndexOf('/') + 1)];
    }

    private async Task WriteFileAsync(TarWriter tar, string target, CopySource found, CancellationToken cancellation)
    {
        var (directory, name) = await PlaceAsync(tar, target, found.BaseName, cancellation);
        var entryName = Join(directory, name);
        await Writer(tar, entryName.Length - name.Length).WriteNameAsync(found.Parent, found.Name, Encoding.UTF8.GetBytes(entryName), cancellation);
    }

    /// <summary>The directory a file goes to and its name there: its own name where the destination is a directory.</summary>
    private async Task<(string Directory, string Name)> PlaceAsync(TarWriter tar, string target, string baseName, CancellationToken cancellation)
    {
        bool into = target.EndsWith('/') || _destination.IsDirectory(target);
        var directory = into ? target : target[..target.LastIndexOf('/')];
        return (await _destination.WriteDirectoryAsync(tar, directory, New(0x1ed) with { Seconds = into ? _directoryTime : now, Above = now }, cancellation), into ? baseName : target[(target.LastIndexOf('/') + 1)..]);
    }

    private async Task WriteDirectoryAsync(TarWriter tar, string target, CopySource found, CancellationToken cancellation)
    {
        var clean = target.TrimEnd('/');
        var (_, missing) = _destination.Resolve(clean);
        // A new directory takes after the source; one that a slash asked for is a plain one, as are those above it.
        var like = missing.Length > 0 && !target.EndsWith('/') ? found.Stat : (FileStat?)null;
        if (like is not null && missing.Length > 1) await _destination.WriteDirectoryAsync(tar, clean[..clean.LastIndexOf('/')], New(0x1ed), cancellation);
        var make = (like is { } stat ? LikeSource(stat) : New(0x1ed)) with { Seconds = node.Parents ? found.Stat.ModifiedSeconds : _directoryTime, Above = now };
        var real = await _destination.WriteDirectoryAsync(tar, clean, make, cancellation);
        var prefix = real.Length == 0 ? "" : real + "/";
        await Writer(tar, prefix.Length, intoNew: missing.Length > 0).WriteChildrenAsync(found.Parent, Encoding.UTF8.GetBytes(prefix), cancellation);
    }

    private NewDirectory LikeSource(in FileStat stat) =>
        new(_mode?.Octal & PermissionsOfNew ?? _mode?.Apply(stat.Permissions, isDirectory: true) ?? stat.Permissions, _owner?.Uid ?? (KeepsOwners ? stat.Uid : 0), _owner?.Gid ?? (KeepsOwners ? stat.Gid : 0), stat.ModifiedSeconds);

    /// <summary>A directory that the destination names and that is not there: octal modes are for it as well, as with BuildKit, changes are not.</summary>
    private NewDirectory New(uint mode) => new(_mode?.Octal & PermissionsOfNew ?? mode, _owner?.Uid ?? 0, _owner?.Gid ?? 0, now);

    private bool KeepsOwners => node.From is not null;

    private async Task WriteInlineAsync(TarWriter tar, string name, string content, CancellationToken cancellation)
    {
        var (directory, fileName) = await PlaceAsync(tar, node.Destination, name, cancellation);
        var entry = new TarEntry { Name = Encoding.UTF8.GetBytes(Join(directory, fileName)), Mode = 0x1a4, ModifiedSeconds = now };
        if (Admit(entry, 0, intoNew: false) && _repeated?.Take(entry) != false) await tar.WriteFileAsync(entry, Encoding.UTF8.GetBytes(content), cancellation);
    }

    private static string Join(string directory, string name) => directory.Length == 0 ? name : $"{directory}/{name}";

    private TreeWriter Writer(TarWriter tar, int prefix, bool intoNew = false) => new(tar, new TreeWriterOptions { MaxNameLength = limits.MaxTarNameLength, Admit = entry => Admit(entry, prefix, intoNew), Take = _repeated is null ? null : _repeated.Take });

    /// <summary>Gives an entry its owner and mode, and leaves out what is excluded. <paramref name="prefix"/> is the length of the destination's part of its name; where that is new, nothing is below it to look for.</summary>
    private bool Admit(TarEntry entry, int prefix, bool intoNew)
    {
        var path = entry.NameText.TrimEnd('/');
        var relative = path.Length >= prefix ? path[prefix..] : path;
        if (_ignored.Excludes(relative) && !(entry.IsDirectory && _ignored.MayHoldException(relative))) return false;
        if (node.From is null && excluded.Count > 0 && excluded.Contains(relative)) return false;
        if (!intoNew && _destination.StatOf(path) is { } there && there.IsDirectory != entry.IsDirectory)
            throw RepeatedNames.NotOver(entry);
        if (_owner is { } owner) (entry.Uid, entry.Gid) = owner;
        else if (!KeepsOwners) (entry.Uid, entry.Gid) = (0, 0);
        if (_mode is not null && entry.Type != TarType.Symlink) entry.Mode = _mode.Apply(entry.Mode, entry.IsDirectory);
        return true;
    }

    /// <summary>The numbers of a <c>user:group</c> by the users of a root; null where none is named.</summary>
    internal static (uint Uid, uint Gid)? OwnerOf(string? owner, bool isClassic, Fd root, Limits limits)
    {
        if (owner is not { Length: > 0 }) return null;
        var users = UserDatabase.Parse(RootReader.Read(root, "etc/passwd", limits.MaxPasswdFile), RootReader.Read(root, "etc/group", limits.MaxPasswdFile));
        var (user, group) = owner.Split(':', 2) is [var first, var second] ? (first, second) : (owner, "");
        return isClassic ? ClassicOwner(users, user, group.Length > 0 ? group : user) : Owner(users, user, group);
    }

    /// <summary>A name that is not known is root's, and a group that is not known as if none had been named: of a user alone it is that of the user, or of the same number.</summary>
    private static (uint, uint) Owner(UserDatabase users, string user, string group)
    {
        var resolved = Find(users, user);
        uint own = resolved is null ? 0 : uint.TryParse(user, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? resolved.Uid : resolved.Gid;
        return (resolved?.Uid ?? 0, group.Length == 0 ? own : Find(users, "0:" + group)?.Gid ?? own);
    }

    /// <summary>Every name must be known, and a user alone has a group of the same name.</summary>
    private static (uint, uint) ClassicOwner(UserDatabase users, string user, string group)
    {
        const string Cannot = "unable to convert uid/gid chown string to host mapping: can't find";
        var uid = user.Length == 0 ? 0 : Find(users, user)?.Uid ?? throw WharfException.Invalid($"{Cannot} uid for user {user}: no such user: {user}");
        return (uid, Find(users, "0:" + group)?.Gid ?? throw WharfException.Invalid($"{Cannot} gid for group {group}: no such group: {group}"));
    }

    /// <summary>Null when there is nobody of that name.</summary>
    private static ResolvedUser? Find(UserDatabase users, string spec)
    {
        try { return users.Resolve(spec); }
        catch (WharfException error) when (error.Message.StartsWith("unable to find", StringComparison.Ordinal)) { return null; }
    }
}
