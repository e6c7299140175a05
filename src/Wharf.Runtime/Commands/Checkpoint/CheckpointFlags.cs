using Wharf.Linux.Fds;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>What checkpoint and restore read from the command line in the same way.</summary>
internal static class CheckpointFlags
{
    private const string CriuConfig = "org.criu.config", ConfigFile = "/etc/criu/runc.conf";

    public static readonly Flag
        TcpEstablished = Flag.Switch("tcp-established", "allow open TCP connections"),
        ExternalUnixSockets = Flag.Switch("ext-unix-sk", "allow unix sockets to the outside"),
        ShellJob = Flag.Switch("shell-job", "allow a terminal of the outside"),
        FileLocks = Flag.Switch("file-locks", "allow file locks"),
        AutoDedup = Flag.Switch("auto-dedup", "leave out pages that a former image has"),
        LazyPages = Flag.Switch("lazy-pages", "memory is fetched on demand"),
        ManageCgroups = Flag.Value("manage-cgroups-mode", "soft, full, strict or ignore", null, "soft"),
        EmptyNamespace = Flag.List("empty-ns", "make a namespace without its properties");

    /// <summary>Where the streams led that may be pipes of the outside, one name for each.</summary>
    public const string DescriptorsFile = "descriptors.json";

    public static string ImagePath(Arguments arguments) => Path.GetFullPath(arguments.Text("image-path") is { Length: > 0 } path ? path : "checkpoint");

    /// <summary>What is asked of criu by the flags that both have; the rest is the command's.</summary>
    public static CriuOptions Options(Arguments arguments, Spec spec, Fd images, Fd? work, string logFile) => new()
    {
        ImagesDirectory = images.Value, WorkDirectory = work?.Value, LogFile = logFile,
        TcpEstablished = arguments.On(TcpEstablished.Name), ExternalUnixSockets = arguments.On(ExternalUnixSockets.Name), ShellJob = arguments.On(ShellJob.Name), FileLocks = arguments.On(FileLocks.Name),
        AutoDedup = arguments.On(AutoDedup.Name), LazyPages = arguments.On(LazyPages.Name), CgroupMode = CgroupMode(arguments), EmptyNamespaces = EmptyNamespaces(arguments), ConfigFile = Configuration(spec),
    };

    /// <summary>Refuses values that nobody knows, before anything is made or asked.</summary>
    public static void Check(Arguments arguments)
    {
        CgroupMode(arguments);
        EmptyNamespaces(arguments);
    }

    private static CriuCgroupMode CgroupMode(Arguments arguments) => arguments.Text("manage-cgroups-mode") switch
    {
        null or "" or "soft" => CriuCgroupMode.Soft,
        "full" => CriuCgroupMode.Full,
        "strict" => CriuCgroupMode.Strict,
        "ignore" => CriuCgroupMode.Ignore,
        _ => throw new RuntimeException("Invalid manage-cgroups-mode value"),
    };

    private static uint EmptyNamespaces(Arguments arguments)
    {
        uint all = 0;
        foreach (var name in arguments.All("empty-ns"))
            all |= name == "network" ? (uint)Launcher.CLONE_NEWNET : throw new RuntimeException($"namespace \"{name}\" is not supported");
        return all;
    }

    public static Fd OpenDirectory(string path, bool make)
    {
        if (make) Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
    }

    /// <summary>criu's own configuration file: of the container's annotation, or the machine's.</summary>
    private static string? Configuration(Spec spec) => spec.Annotations?.GetValueOrDefault(CriuConfig) is { } given ? given.Length > 0 ? given : null : File.Exists(ConfigFile) ? ConfigFile : null;

    /// <summary>Network and PID namespaces that were joined by path belong to others; under these names criu asks for them again.</summary>
    public static IEnumerable<(string Name, string Path)> JoinedNamespaces(Spec spec)
    {
        foreach (var ns in spec.Linux?.Namespaces ?? [])
        {
            if (ns.Path is not { Length: > 0 } path) continue;
            if (ns.Type == "network") yield return ("extRootNetNS", path);
            else if (ns.Type == "pid") yield return ("extRootPidNS", path);
        }
    }
}
