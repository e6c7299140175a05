using Wharf.Engine.Logs;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>Which part of a container's log is wanted, and how.</summary>
public sealed record ContainerLogOptions
{
    public bool Stdout { get; init; }
    public bool Stderr { get; init; }
    public bool Follow { get; init; }
    public bool Timestamps { get; init; }
    public bool Details { get; init; }
    /// <summary>Lines from the end; null for all.</summary>
    public int? Tail { get; init; }
    /// <summary>Nanoseconds of the Unix epoch.</summary>
    public long? Since { get; init; }
    public long? Until { get; init; }
}

public sealed partial class ContainerService
{
    private readonly LogService _logs = new();

    /// <summary>Writes a container's log; <paramref name="begin"/> is told whether it is a terminal's (raw) before the first byte.</summary>
    public async Task CopyLogsAsync(string nameOrId, ContainerLogOptions options, Func<bool, Task<Stream>> begin, CancellationToken cancellation)
    {
        if (!options.Stdout && !options.Stderr) throw WharfException.Invalid("Bad parameters: you must choose at least one stream");
        var container = _index.Get(nameOrId);
        if (container.HostConfig.LogConfig?.Type == "none") throw new WharfException(ErrorKind.NotImplemented, "configured logging driver does not support reading");
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
                Path = LogPathOf(container.Id), Stdout = options.Stdout, Stderr = options.Stderr, Tail = options.Tail, Since = options.Since, Until = options.Until,
                Timestamps = options.Timestamps, Details = options.Details, Multiplexed = !terminal, FollowUntil = stopped,
            }, await begin(terminal), cancellation);
        }
        finally { await over.CancelAsync(); }
    }
}
