namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>A command: how it is called, what help says, and what it does.</summary>
internal abstract class RuntimeCommand
{
    public abstract string Name { get; }
    public abstract string Summary { get; }
    /// <summary>What comes behind the flags, for help.</summary>
    public virtual string Usage => "<container-id>";
    public virtual string Description => "";
    public virtual IReadOnlyList<Flag> Flags => [];
    /// <summary>False when what follows the first argument is another program's: exec, ps.</summary>
    public virtual bool FlagsAnywhere => true;
    /// <summary>How many arguments there may be, and must.</summary>
    public virtual (int Least, int Most) Count => (1, 1);
    /// <summary>The exit code of a failure.</summary>
    public virtual int FailureCode => 1;
    /// <summary>What comes before a failure's message.</summary>
    public virtual string FailurePrefix(string application) => "";

    public abstract int Run(Context context, Arguments arguments);
}

/// <summary>The global flags, and what commands share.</summary>
internal sealed class Context(string application, Arguments global, RuntimeLog log)
{
    public const string DefaultRoot = "/run/wharf-runtime";

    /// <summary>What this program was called as: installed as <c>runc</c> it speaks as runc.</summary>
    public string Application { get; } = application;
    public RuntimeLog Log { get; } = log;
    public string Root { get; } = Path.GetFullPath(global.Text("root") ?? OwnRoot());

    /// <summary>Whether the caller named the root.</summary>
    public bool HasOwnRoot { get; } = global.Has("root");
    public bool SystemdCgroup { get; } = global.On("systemd-cgroup");
    public string Criu { get; } = global.Text("criu") ?? "criu";

    /// <summary>Whether a container may be without a cgroup where its user may make none: by default for who is not the machine's root.</summary>
    public bool ToleratesNoCgroup { get; } = global.Text("rootless") switch
    {
        null or "auto" => Wharf.Linux.Syscalls.Libc.geteuid() != 0 || Wharf.Linux.Namespaces.UserNamespace.IsInner,
        var word => Specs.GoSyntax.Bool(word) == true,
    };

    // Who is not root keeps the state where it may write (basedir specification).
    private static string OwnRoot() => (Wharf.Linux.Syscalls.Libc.geteuid() != 0 || Init.Rootless.Entered) && Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own ? Path.Combine(own, "wharf-runtime") : DefaultRoot;
}
