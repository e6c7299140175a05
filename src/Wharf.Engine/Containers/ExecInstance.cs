using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>One further process in a container, from its creation until the container goes.</summary>
internal sealed class ExecInstance(string id, Container container, ExecConfig config)
{
    public string Id { get; } = id;
    public Container Container { get; } = container;
    public ExecConfig Config { get; } = config;
    public DateTimeOffset Created { get; } = DateTimeOffset.UtcNow;

    public bool Started { get; set; }
    public bool Running { get; set; }
    public int? ExitCode { get; set; }
    public int Pid { get; set; }
    /// <summary>The last client to start it has read what came of it.</summary>
    public TaskCompletionSource<int> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>As docker's events have it: with a space behind a program without arguments.</summary>
    public string CommandText => Config.Cmd is { Count: > 0 } command ? $"{command[0]} {string.Join(' ', command.Skip(1))}" : "";
}
