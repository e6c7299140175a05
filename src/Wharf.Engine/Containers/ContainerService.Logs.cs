using Wharf.Engine.Containers.Config;
using Wharf.Engine.Logs;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

/// <summary>Which part of a container's log is wanted, and how.</summary>
public sealed record ContainerLogOptions
{
    public bool Stdout { get; init; }
    public bool Stderr { get; init; }
    public bool Follow { get; init; }
    public bool Timestamps { get; init; }
    public bool Details { get; init; }
    /// <summary>Without docker's frames, whatever the container has.</summary>
    public bool Raw { get; init; }
    /// <summary>Lines from the end; null for all.</summary>
    public int? Tail { get; init; }
    /// <summary>Nanoseconds of the Unix epoch.</summary>
    public long? Since { get; init; }
    public long? Until { get; init; }
}

public sealed partial class ContainerService
{
    /// <summary>Log drivers by name (<c>info</c>).</summary>
    public static IReadOnlyList<string> LogDrivers => LogRules.Drivers;

    private readonly LogService _logs = new();

    /// <summary>Writes a container's log; <paramref name="begin"/> is told whether it is a terminal's (raw) before the first byte.</summary>
    public async Task CopyLogsAsync(string nameOrId, ContainerLogOptions options, Func<bool, Task<Stream>> begin, CancellationToken cancellation)
    {
        if (!options.Stdout && !options.Stderr) throw WharfException.Invalid("Bad parameters: you must choose at least one stream");
        var container = _index.Get(nameOrId);
        var log = LogRules.Readable(container.HostConfig.LogConfig, DirectoryOf(container.Id), container.Id)
            ?? throw new WharfException(ErrorKind.NotImplemented, "configured logging driver does not support reading");
        bool terminal = container.Config.Tty ?? false;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<ContainerWaitResponse>? stopped = null;
        if (options.Follow)
        {
            stopped = container.NextAsync(removed: false, over.Token);
            if (!container.State.IsUp) stopped = null;
        }
        try
        {
            await _logs.CopyAsync(new LogQuery
            {
                Path = log.Path, Format = log.Format, Stdout = options.Stdout, Stderr = options.Stderr, Tail = options.Tail, Since = options.Since, Until = options.Until,
                Timestamps = options.Timestamps, Details = options.Details, Multiplexed = !terminal && !options.Raw, FollowUntil = stopped,
            }, await begin(terminal), cancellation);
        }
        finally { await over.CancelAsync(); }
    }

    private LogSource LogSourceOf(Container container) => new()
    {
        ContainerId = container.Id,
        ContainerName = container.Name,
        ImageId = container.Document.ImageId,
        ImageName = container.Config.Image ?? "",
        Command = string.Join(' ', [container.Document.Path, .. container.Document.Args]),
        Created = container.Created,
        Hostname = _host.Hostname,
    };
}
