using Wharf.Specs.Runtime;

namespace Wharf.Cli.Commands.Doctor;

/// <summary>What a user who is not root needs for a daemon of his own (<c>wharf daemon --rootless</c>, docs/rootless.md).</summary>
internal static class RootlessChecks
{
    public static IEnumerable<Finding> Run(string user)
    {
        yield return Numbers(user);
        yield return Helpers();
        yield return Namespaces();
        yield return Network();
        yield return RuntimeDirectory();
        yield return Limits();
    }

    private static Finding Numbers(string user)
    {
        var missing = ((string[])["/etc/subuid", "/etc/subgid"]).Where(path => !File.Exists(path) || !SubordinateIds.Of(File.ReadLines(path), user, null).Any()).ToList();
        return missing.Count == 0 ? new Finding("rootless numbers", Health.Good, "granted in /etc/subuid and /etc/subgid")
            : new Finding("rootless numbers", Health.Warning, $"{user} has none in {string.Join(" and ", missing)}: no daemon without root", $"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}");
    }

    private static Finding Helpers()
    {
        var missing = ((string[])["newuidmap", "newgidmap"]).Where(name => Find(name) is null).ToList();
        return missing.Count == 0 ? new Finding("rootless helpers", Health.Good, "newuidmap and newgidmap are there")
            : new Finding("rootless helpers", Health.Warning, $"{string.Join(" and ", missing)} not found: no daemon without root", "apt-get install uidmap");
    }

    private static Finding Namespaces()
    {
        foreach (var (path, refusing, remedy) in (ReadOnlySpan<(string, string, string)>)
        [
            ("/proc/sys/user/max_user_namespaces", "0", "as root: sysctl user.max_user_namespaces=28633"),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0", "as root: sysctl kernel.unprivileged_userns_clone=1"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "as root: an AppArmor profile with 'userns,' for wharf-runtime, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
        ])
            if (File.Exists(path) && File.ReadAllText(path).Trim() == refusing) return new Finding("rootless namespaces", Health.Warning, $"{path} is {refusing}: users may make no user namespaces", remedy);
        return new Finding("rootless namespaces", Health.Good, "users may make user namespaces");
    }

    private static Finding Network()
    {
        if (Find("slirp4netns") is null) return new Finding("rootless network", Health.Warning, "slirp4netns not found: no daemon without root", "apt-get install slirp4netns");
        const string Device = "/dev/net/tun";
        try { using var device = new FileStream(Device, FileMode.Open, FileAccess.ReadWrite); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException) { return new Finding("rootless network", Health.Warning, $"{Device} cannot be opened by users: {error.Message}", $"as root: 'modprobe tun', and mode 0666 for {Device}, which udev gives it"); }
        return new Finding("rootless network", Health.Good, "slirp4netns and /dev/net/tun are there");
    }

    private static Finding RuntimeDirectory() => Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } path && Directory.Exists(path)
        ? new Finding("rootless directory", Health.Good, path) : new Finding("rootless directory", Health.Warning, "XDG_RUNTIME_DIR is not set, or names no directory", "log in by way of PAM (not with 'su'), or set it to a directory of your own");

    private static Finding Limits() => new("rootless limits", Health.Note, "containers of a rootless daemon have no cgroups: limits of memory, CPU and processes are discarded, and pausing is not possible");

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
}
