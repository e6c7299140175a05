using System.Net;
using System.Net.Sockets;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using static Wharf.Linux.Mounts.MountFlags;

namespace Wharf.Engine.Volumes;

/// <summary>Options of the local driver: a file system to mount (<c>type</c>, <c>device</c>, <c>o</c> as of mount(8)), or a quota (<c>size</c>).</summary>
internal static class LocalVolumeOptions
{
    private static readonly Dictionary<string, (ulong Flag, bool Clear)> Attributes = new(StringComparer.Ordinal)
    {
        ["ro"] = (MOUNT_ATTR_RDONLY, false), ["rw"] = (MOUNT_ATTR_RDONLY, true), ["nosuid"] = (MOUNT_ATTR_NOSUID, false), ["suid"] = (MOUNT_ATTR_NOSUID, true),
        ["nodev"] = (MOUNT_ATTR_NODEV, false), ["dev"] = (MOUNT_ATTR_NODEV, true), ["noexec"] = (MOUNT_ATTR_NOEXEC, false), ["exec"] = (MOUNT_ATTR_NOEXEC, true),
        ["nodiratime"] = (MOUNT_ATTR_NODIRATIME, false), ["diratime"] = (MOUNT_ATTR_NODIRATIME, true), ["noatime"] = (MOUNT_ATTR_NOATIME, false), ["relatime"] = (0, false),
        ["strictatime"] = (MOUNT_ATTR_STRICTATIME, false), ["defaults"] = (0, false), ["async"] = (0, false),
    };

    private static readonly (string Given, string Needed)[] Together = [("device", "type"), ("type", "device"), ("o", "device"), ("o", "type")];

    /// <summary>Throws in docker's words for what is missing or unknown. <paramref name="hasQuotas"/>: whether sizes can be kept to where volumes lie.</summary>
    public static void Check(string name, Dictionary<string, string>? options, Func<bool> hasQuotas)
    {
        if (options is null or { Count: 0 }) return;
        foreach (var key in options.Keys)
            if (key is not ("type" or "o" or "device" or "size")) throw WharfException.Invalid($"create {name}: invalid option: \"{key}\"");
        if (options.TryGetValue("size", out var size))
        {
            if (!Bytes.TryParse(size, out long bytes)) throw WharfException.Invalid($"create {name}: invalid size: '{size}'");
            if (bytes > 0 && !hasQuotas()) throw WharfException.Invalid($"create {name}: quota size requested but no quota support");
        }
        foreach (var (given, needed) in Together)
            if (options.ContainsKey(given) && !options.ContainsKey(needed)) throw WharfException.Invalid($"create {name}: missing required option: \"{needed}\"");
    }

    /// <summary>The most bytes a volume may hold; 0 for no limit.</summary>
    public static long SizeOf(Dictionary<string, string>? options) => options?.GetValueOrDefault("size") is { } size && Bytes.TryParse(size, out long bytes) ? bytes : 0;

    /// <summary>Whether a volume with these options has to be mounted to be used.</summary>
    public static bool NeedMount(Dictionary<string, string>? options) => options is not null && options.TryGetValue("device", out var device) && device.Length > 0;

    /// <summary>Mounts the volume's file system over its empty directory.</summary>
    public static void Mount(string target, Dictionary<string, string> options)
    {
        string type = options.GetValueOrDefault("type") ?? "", device = options["device"];
        var parsed = Parse(options.GetValueOrDefault("o") ?? "");
        try
        {
            using var tree = parsed.Bind ? MountTree.Clone(device, parsed.Recursive) : MountTree.Create(type, device, Resolved(type, parsed.Data), parsed.Set);
            if (parsed.Bind) MountTree.SetAttributes(tree, parsed.Set, parsed.Clear);
            using var place = OpenAt.Open(target, O.PATH | O.DIRECTORY);
            MountTree.Attach(tree, place, target);
        }
        catch (SyscallException error)
        {
            throw new WharfException(ErrorKind.Internal, $"error while mounting volume '{target}': failed to mount local volume: mount {device}:{target}{(parsed.Data.Count > 0 ? $", data: {string.Join(',', parsed.Data)}" : "")}: {Words(error.Errno)}", error);
        }
    }

    /// <summary>Takes the mount away; what containers still have of it they keep.</summary>
    public static void Unmount(string target)
    {
        const int MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;
        if (Libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() is var errno and not (Errno.EINVAL or Errno.ENOENT))
            throw new SyscallException("umount2", errno, target);
    }

    // As Go says it: clients look for these words.
    private static string Words(int errno) => System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(errno) is { Length: > 0 } message ? char.ToLowerInvariant(message[0]) + message[1..] : Errno.Name(errno);

    private static (bool Bind, bool Recursive, ulong Set, ulong Clear, List<string> Data) Parse(string words)
    {
        bool bind = false, recursive = false;
        ulong set = 0, clear = 0;
        var data = new List<string>();
        foreach (var word in words.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (word is "bind" or "rbind") (bind, recursive) = (true, recursive || word == "rbind");
            else if (!Attributes.TryGetValue(word, out var attribute)) data.Add(word);
            else if (attribute.Clear) clear |= attribute.Flag;
            else set |= attribute.Flag;
        }
        return (bind, recursive, set, clear, data);
    }

    // The kernel takes only numbers in a network file system's addr.
    private static IEnumerable<string> Resolved(string type, List<string> data)
    {
        foreach (var option in data)
        {
            if (type is not ("nfs" or "nfs4" or "cifs" or "smb3") || !option.StartsWith("addr=", StringComparison.Ordinal) || IPAddress.TryParse(option["addr=".Length..], out _))
            {
                yield return option;
                continue;
            }
            IPAddress[] addresses;
            try { addresses = Dns.GetHostAddresses(option["addr=".Length..]); }
            catch (SocketException error) { throw new WharfException(ErrorKind.Internal, $"error resolving passed in network volume address: {error.Message}", error); }
            yield return $"addr={addresses[0]}";
        }
    }
}

/// <summary>Sizes as docker's units write them: <c>10m</c>, <c>1.5GiB</c>, <c>4096</c>.</summary>
internal static class Bytes
{
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var lower = text.Trim().ToLowerInvariant();
        int end = lower.AsSpan().IndexOfAnyExcept("0123456789.");
        var unit = end < 0 ? "" : lower[end..].Trim();
        if (!double.TryParse(end < 0 ? lower : lower[..end], System.Globalization.CultureInfo.InvariantCulture, out double number)) return false;
        int power = unit switch { "" or "b" => 0, "k" or "kb" or "kib" => 1, "m" or "mb" or "mib" => 2, "g" or "gb" or "gib" => 3, "t" or "tb" or "tib" => 4, "p" or "pb" or "pib" => 5, _ => -1 };
        if (power < 0) return false;
        bytes = (long)(number * Math.Pow(1024, power));
        return true;
    }
}
