using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>What containers get that do not say otherwise: the daemon's <c>--default-*</c> and a few more.</summary>
public sealed record ContainerDefaults
{
    /// <summary><c>private</c> or <c>shareable</c>.</summary>
    public string IpcMode { get; init; } = "private";
    /// <summary><c>private</c> or <c>host</c>; null: private on cgroup v2 only.</summary>
    public string? CgroupnsMode { get; init; }
    public bool Init { get; init; }
    /// <summary>The program for <c>--init</c>; null looks for one.</summary>
    public string? InitPath { get; init; }
    public bool NoNewPrivileges { get; init; }
    public string? CgroupParent { get; init; }
    /// <summary>Resource limits of processes; a container's own of the same name goes before.</summary>
    public IReadOnlyList<HostConfigUlimits> Ulimits { get; init; } = [];
    /// <summary>As told in <c>info</c>: <c>builtin</c>, <c>unconfined</c> or a file.</summary>
    public string SeccompProfile { get; init; } = "builtin";
    /// <summary>That file's text.</summary>
    public string? SeccompJson
    {
        get;
        init
        {
            field = value;
            Profile = value is null ? null : SecurityOptions.ParseProfile(value);
        }
    }

    internal SeccompProfile? Profile { get; private init; }
    /// <summary>Hooks that the machine's owner adds; null for none.</summary>
    public HookDirectory? Hooks { get; init; }

    /// <summary>Throws an InvalidArgument error that names the option.</summary>
    public void Validate()
    {
        if (IpcMode is not ("private" or "shareable")) throw WharfException.Invalid($"IPC mode \"{IpcMode}\" is not supported as default value for containers");
        if (CgroupnsMode is not (null or "private" or "host")) throw WharfException.Invalid($"invalid default cgroup namespace ({CgroupnsMode}): use \"host\" or \"private\"");
        Oci.Ulimits.Map(Ulimits);
        if (InitPath is not null && !File.Exists(InitPath)) throw WharfException.Invalid($"invalid value \"{InitPath}\" for option \"init-path\": no such file");
    }

    /// <summary>Bytes of <c>64m</c>, <c>1GiB</c> and the like; null when it is no size.</summary>
    public static long? ParseSize(string text) => LogRules.ParseSize(text);

    /// <summary>A container's limits and those of the daemon that it does not set itself.</summary>
    internal IReadOnlyList<HostConfigUlimits> LimitsFor(IReadOnlyList<HostConfigUlimits>? own) =>
        Ulimits.Count == 0 ? own ?? [] : [.. own ?? [], .. Ulimits.Where(limit => own?.Any(given => given.Name == limit.Name) != true)];
}
