using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.Checkpoint;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>checkpoint</c>: writes a running container to files, by criu.</summary>
internal sealed class CheckpointCommand : RuntimeCommand
{
    private const int MostWait = 10_000;

    public override string Name => "checkpoint";
    public override string Summary => "checkpoint a running container";
    public override IReadOnlyList<Flag> Flags =>
    [
        Flag.Value("image-path", "directory for criu's image files"),
        Flag.Value("work-path", "directory for criu's work files and logs"),
        Flag.Value("parent-path", "directory of the image files of a former pre-dump, from the image path"),
        Flag.Switch("leave-running", "let the container go on"),
        CheckpointFlags.TcpEstablished,
        Flag.Switch("tcp-skip-in-flight", "leave out TCP connections that are being made"),
        Flag.Switch("link-remap", "allow files that were removed and have another name"),
        CheckpointFlags.ExternalUnixSockets,
        CheckpointFlags.ShellJob,
        CheckpointFlags.LazyPages,
        Flag.Value("status-fd", "descriptor that is told when lazy pages are ready"),
        Flag.Value("page-server", "ADDRESS:PORT of the page server"),
        CheckpointFlags.FileLocks,
        Flag.Switch("pre-dump", "memory only; the container goes on"),
        CheckpointFlags.ManageCgroups,
        CheckpointFlags.EmptyNamespace,
        CheckpointFlags.AutoDedup,
    ];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        if (container.Status() is "stopped" or "created") throw new RuntimeException($"Container cannot be checkpointed in {container.Status()} state");
        CheckpointFlags.Check(arguments);
        var pageServer = PageServer(arguments);
        var criu = Criu.Require(context.Criu, context.Log);
        bool preDump = arguments.On("pre-dump"), lazy = arguments.On("lazy-pages");
        if (preDump || lazy) RequireFeatures(criu, preDump, lazy);
        var imagePath = CheckpointFlags.ImagePath(arguments);
        var parent = Parent(arguments, imagePath);
        using var images = CheckpointFlags.OpenDirectory(imagePath, make: true);
        using var work = arguments.Text("work-path") is { Length: > 0 } path ? CheckpointFlags.OpenDirectory(Path.GetFullPath(path), make: true) : null;
        using var init = container.OpenInit() ?? throw new RuntimeException("Container cannot be checkpointed in stopped state");
        using var root = OpenAt.Open($"/proc/{container.State.InitPid}/root", O.PATH | O.DIRECTORY);
        var spec = container.LoadSpec();
        var options = CheckpointFlags.Options(arguments, spec, images, work, "dump.log") with
        {
            Pid = container.State.InitPid, Root = container.State.Rootfs,
            LeaveRunning = arguments.On("leave-running"), TcpSkipInFlight = arguments.On("tcp-skip-in-flight"), LinkRemap = arguments.On("link-remap"),
            PageServer = pageServer, ParentImage = parent, TrackMemory = preDump || parent is not null, FreezeCgroup = container.OpenCgroup()?.FreezerDirectory,
            Mounts = [.. OutsideMounts.Of(spec, root, CgroupLayout.Detect(), container.State.CgroupPath).Select(mount => (mount.Destination, mount.Destination))],
            External = [.. CheckpointFlags.JoinedNamespaces(spec).Select(ns => NameOf(ns.Name, ns.Path))],
        };
        if (!preDump) WriteDescriptors(imagePath, container.State.InitPid);
        criu.Call(preDump ? CriuRequest.PreDump : CriuRequest.Dump, options, (notice, _) => TellStatus(notice, arguments));
        if (preDump || options.LeaveRunning) return 0;
        if (!FdPoll.Readable(init, MostWait)) throw new RuntimeException("the checkpointed container does not end");
        container.Destroy(context.Log, spec);
        return 0;
    }

    private static void RequireFeatures(Criu criu, bool memory, bool lazy)
    {
        var found = criu.Call(CriuRequest.FeatureCheck, null, features: true);
        if (memory && !found.TracksMemory) throw new RuntimeException("CRIU is missing features: memory tracking, which this kernel does not have");
        if (lazy && !found.HasLazyPages) throw new RuntimeException("CRIU is missing features: lazy pages, which this kernel does not have");
    }

    private static string? Parent(Arguments arguments, string imagePath)
    {
        if (arguments.Text("parent-path") is not { Length: > 0 } parent) return null;
        if (Path.IsPathRooted(parent)) throw new RuntimeException("--parent-path must be relative to --image-path");
        return Directory.Exists(Path.Combine(imagePath, parent)) ? parent : throw new RuntimeException($"invalid --parent-path: {Path.Combine(imagePath, parent)}: no such file or directory");
    }

    private static (string, int)? PageServer(Arguments arguments)
    {
        if (arguments.Text("page-server") is not { Length: > 0 } text) return null;
        int colon = text.LastIndexOf(':');
        if (colon <= 0) throw new RuntimeException("Use --page-server ADDRESS:PORT to specify page server");
        return int.TryParse(text[(colon + 1)..], out int port) && port is > 0 and < 65536 ? (text[..colon], port) : throw new RuntimeException("Invalid port number");
    }

    // Where the program's streams lead: pipes are found again by these names (restore's inherited descriptors).
    private static void WriteDescriptors(string imagePath, int pid)
    {
        var names = Enumerable.Range(0, 3).Select(fd => new FileInfo($"/proc/{pid}/fd/{fd}").LinkTarget ?? "");
        var json = StateJson.Document(false, json =>
        {
            json.WriteStartArray();
            foreach (var name in names) json.WriteStringValue(name);
            json.WriteEndArray();
        });
        File.WriteAllBytes(Path.Combine(imagePath, CheckpointFlags.DescriptorsFile), json);
    }

    private static string NameOf(string name, string path)
    {
        using var file = OpenAt.Open(path, O.RDONLY);
        return $"{(name == "extRootNetNS" ? "net" : "pid")}[{FileStat.Of(file).Inode}]:{name}";
    }

    private static void TellStatus(CriuResponse notice, Arguments arguments)
    {
        if (notice.Script != "status-ready" || arguments.Text("status-fd") is not { Length: > 0 }) return;
        using var status = new Fd(arguments.Number("status-fd"));
        FileAt.WriteAll(status.Value, "\0"u8);
    }
}
