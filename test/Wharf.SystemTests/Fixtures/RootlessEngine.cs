using Xunit;

namespace Wharf.SystemTests.Fixtures;

/// <summary>
/// A daemon that an ordinary user has started. The user, the numbers granted to him and a /dev/net/tun that users may open are there in a mount namespace of the
/// daemon's only: nothing of the machine is changed.
/// </summary>
public sealed class RootlessEngine : IAsyncDisposable
{
    public const int User = 54321, FirstSubordinate = 2_000_000, Subordinates = 65536;

    private const string BecomeUser = """
        set -e
        R=$1; shift
        for name in passwd group subuid subgid; do [ -e /etc/$name ] || : > /etc/$name; mount --bind $R/etc/$name /etc/$name; done
        mount --bind $R/tun /dev/net/tun
        mount --bind $R/fuse /dev/fuse
        mount --bind $R/binaries.from $R/bin
        cd $R/home
        exec env -i HOME=$R/home XDG_RUNTIME_DIR=$R/xdg PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$@"
        """;

    public EngineFixture Engine { get; } = new();
    public string Root => Engine.Root;

    /// <summary>Starts it; the test is skipped where the machine lets users make no such daemon.</summary>
    public async Task StartAsync(bool withNumbers = true, params string[] more)
    {
        await PrepareAsync(withNumbers);
        Engine.Program = Path.Combine(Root, "bin", "wharf");
        Engine.Within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BecomeUser, "sh", Root];
        await Engine.StartOwnAsync(["--rootless", .. more]);
    }

    private async Task PrepareAsync(bool withNumbers)
    {
        foreach (var program in (ReadOnlySpan<string>)["newuidmap", "newgidmap", "slirp4netns"]) Programs.Find(program);
        var mayMake = await CommandResult.RunAsync("setpriv", ["--reuid", "54321", "--regid", "54321", "--clear-groups", "unshare", "--user", "--map-root-user", "true"]);
        Assert.SkipUnless(mayMake.ExitCode == 0, $"this machine's users may make no user namespaces: {mayMake.Error.Trim()}");
        File.SetUnixFileMode(Root, (UnixFileMode)0b111_101_101);
        foreach (var name in (ReadOnlySpan<string>)["etc", "home", "xdg", "bin"]) Directory.CreateDirectory(Path.Combine(Root, name));
        File.CreateSymbolicLink(Path.Combine(Root, "binaries.from"), EngineFixture.Binaries);
        await File.WriteAllTextAsync(Path.Combine(Root, "etc/passwd"), await File.ReadAllTextAsync("/etc/passwd") + $"sailor:x:{User}:{User}::{Root}/home:/bin/sh\n");
        await File.WriteAllTextAsync(Path.Combine(Root, "etc/group"), await File.ReadAllTextAsync("/etc/group") + $"sailor:x:{User}:\n");
        foreach (var name in (ReadOnlySpan<string>)["subuid", "subgid"]) File.WriteAllText(Path.Combine(Root, "etc", name), withNumbers ? $"sailor:{FirstSubordinate}:{Subordinates}\n" : "");
        // With the modes that udev gives them, which is not everywhere.
        foreach (var (name, minor) in ((string, string)[])[("tun", "200"), ("fuse", "229")]) (await CommandResult.RunAsync("mknod", ["-m", "666", Path.Combine(Root, name), "c", "10", minor])).ShouldExit(0);
        (await CommandResult.RunAsync("chown", [$"{User}:{User}", Root, Path.Combine(Root, "home"), Path.Combine(Root, "xdg")])).ShouldExit(0);
    }

    public async ValueTask DisposeAsync() => await Engine.DisposeAsync();
}
