using Wharf.Linux.Fds;

namespace Wharf.Engine.Containers;

/// <summary>What a start holds until the container's process holds it itself: descriptors of namespaces that the shim opens by path.</summary>
internal sealed class RunSetup : IDisposable
{
    private readonly List<IDisposable> _held = [];

    public NetworkState? Network { get; set; }
    /// <summary>The network was set up and must be taken down if the start fails.</summary>
    public bool NetworkTaken { get; set; }

    /// <summary>Volumes were mounted and must be let go of if the start fails.</summary>
    public bool VolumesTaken { get; set; }

    public void Hold(IDisposable resource) => _held.Add(resource);

    /// <summary>Opens another process's namespace and gives a path that stays good however its PID is used again.</summary>
    public string HoldNamespace(int pid, string name)
    {
        var fd = OpenAt.Open($"/proc/{pid}/ns/{name}", O.RDONLY);
        _held.Add(fd);
        return $"/proc/{Environment.ProcessId}/fd/{fd.Value}";
    }

    public void Dispose()
    {
        foreach (var resource in _held) resource.Dispose();
        _held.Clear();
    }
}
