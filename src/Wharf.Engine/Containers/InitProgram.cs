using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>The small program that runs as PID 1 for <c>--init</c>, found on the host.</summary>
internal static class InitProgram
{
    private static readonly string[] Names = ["docker-init", "tini-static", "tini"];
    private static readonly string[] Directories = ["/usr/local/libexec/docker", "/usr/libexec/docker", "/usr/local/lib/docker", "/usr/lib/docker", "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin"];

    public static string Find()
    {
        foreach (var name in Names)
            foreach (var directory in Directories)
                if (Path.Combine(directory, name) is var path && File.Exists(path)) return path;
        throw WharfException.Invalid("--init needs docker-init, tini-static or tini on the host, and none was found");
    }
}
