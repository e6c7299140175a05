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
        LocalMount mount;
        try { mount = Parse(options, Dns.GetHostAddresses); }
        catch (SocketException error) { throw new WharfException(ErrorKind.Internal, $"error while mounting volume '{target}': error resolving passed in network volume address: {error.Message}", error); }
        try
        {
            using var tree = mount.Bind ? MountTree.Clone(mount.Device, mount.Recursive) : MountTree.Create(mount.Type, mount.Device, mount.Data, mount.Set);
            if (mount.Bind) MountTree.SetAttributes(tree, mount.Set, mount.Clear);
            using var place = OpenAt.Open(target, O.PATH | O.DIRECTORY);
            MountTree.Attach(tree, place, target);
        }
        catch (SyscallException error)
        {
            throw new WharfException(ErrorKind.Internal, $"error while mounting volume '{target}': failed to mount local volume: mount {mount.Device}:{target}{(mount.Data.Count > 0 ? $", data: {string.Join(',', mount.Data.Select(Masked))}" : "")}: {Words(error.Errno)}", error);
        }
    }

    private static string Masked(string option) => option.StartsWith("password=", StringComparison.Ordinal) ? "password=********" : option;

    /// <summary>Takes the mount away; what containers still have of it they keep.</summary>
    public static void Unmount(string target)
    {
        const int MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;
        if (Libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() is var errno and not (Errno.EINVAL or Errno.ENOENT))
            throw new SyscallException("umount2", errno, target);
    }

    // As Go says it: clients look for these words.
    private static string Words(int errno) => System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(errno) is { Length: > 0 } message ? char.ToLowerInvariant(message[0]) + message[1..] : Errno.Name(errno);

    /// <summary>What the kernel is asked for. Names of servers become addresses, as docker does it: the kernel looks none up. Throws SocketException for a name without one.</summary>
    internal static LocalMount Parse(Dictionary<string, string> options, Func<string, IPAddress[]> resolve)
    {
        var mount = new LocalMount { Type = options.GetValueOrDefault("type") ?? "", Device = options["device"] };
        foreach (var word in (options.GetValueOrDefault("o") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (word is "bind" or "rbind") (mount.Bind, mount.Recursive) = (true, mount.Recursive || word == "rbind");
            else if (!Attributes.TryGetValue(word, out var attribute)) mount.Data.Add(word);
            else if (attribute.Clear) mount.Clear |= attribute.Flag;
            else mount.Set |= attribute.Flag;
        }
        const string Addr = "addr=";
        if (mount.Type is not ("nfs" or "nfs4" or "cifs" or "smb3")) return mount;
        int at = mount.Data.FindIndex(option => option.StartsWith(Addr, StringComparison.Ordinal));
        if (at >= 0) mount.Data[at] = Addr + Numeric(mount.Data[at][Addr.Length..], resolve);
        else if (mount.Type is "cifs" or "smb3" && mount.Device.StartsWith("//", StringComparison.Ordinal) && mount.Device[2..].Split('/', 2) is [{ Length: > 0 } host, var share])
            mount.Device = $"//{Numeric(host, resolve)}/{share}";
        return mount;
    }

    // IPv4 first, as Go has it.
    private static string Numeric(string host, Func<string, IPAddress[]> resolve) =>
        IPAddress.TryParse(host, out _) ? host : resolve(host).OrderBy(address => address.AddressFamily != AddressFamily.InterNetwork).First().ToString();
}

/// <summary>A mount of the local driver: a bind of a path, or a file system of a type with the options that are its own (<see cref="Data"/>).</summary>
internal sealed record LocalMount
{
    public string Type { get; set; } = "";
    public string Device { get; set; } = "";
    public bool Bind { get; set; }
    public bool Recursive { get; set; }
    public ulong Set { get; set; }
    public ulong Clear { get; set; }
    public List<string> Data { get; } = [];
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
