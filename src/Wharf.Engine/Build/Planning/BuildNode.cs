using System.Text;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>
/// One step of the graph that gives a file system. What it does is its <see cref="Definition"/>; what it works on are its inputs. Steps
/// that change only the configuration are not nodes.
/// </summary>
public abstract class BuildNode
{
    /// <summary>The step as shown to people.</summary>
    public required string Title { get; init; }
    public required Instruction Instruction { get; init; }
    /// <summary>The stage's name, or its number.</summary>
    public required string StageName { get; init; }
    /// <summary>Run it even when the cache has its result.</summary>
    public bool NoCache { get; init; }

    public abstract IEnumerable<BuildNode> Inputs { get; }

    /// <summary>All that determines the result beside the inputs' contents, one item a line.</summary>
    public abstract string Definition { get; }

    /// <summary>What is happening to it.</summary>
    public NodeProgress Progress { get; } = new();

    /// <summary>Puts a value on one line whatever it holds.</summary>
    protected static string Line(string key, string? value) => $"{key}={value?.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal)}\n";
}

/// <summary>FROM an image, or (without one) from nothing.</summary>
public sealed class BaseNode : BuildNode
{
    public ImageRecord? Image { get; init; }
    /// <summary>The image as the Dockerfile names it.</summary>
    public string Name { get; init; } = "scratch";
    public override IEnumerable<BuildNode> Inputs => [];
    public override string Definition => Line("from", Image?.Id.ToString() ?? "scratch");
}

/// <summary>RUN: a process in a container over the root.</summary>
public sealed class RunNode : BuildNode
{
    public required BuildNode Root { get; init; }
    public required IReadOnlyList<string> Command { get; init; }
    /// <summary>The image's environment and the build arguments in force, which are part of what the step is.</summary>
    public required IReadOnlyList<string> Environment { get; init; }
    /// <summary>Proxies: given to the process, without any effect on the cache.</summary>
    public IReadOnlyList<string> ProxyEnvironment { get; init; } = [];
    public required string User { get; init; }
    public required string Directory { get; init; }
    public required IReadOnlyList<RunMount> Mounts { get; init; }
    /// <summary><c>default</c>, <c>none</c> or <c>host</c>.</summary>
    public required string Network { get; init; }
    /// <summary>Runs privileged: only where the caller and the daemon allow it.</summary>
    public bool Insecure { get; init; }
    /// <summary>Devices of the host, which the caller or their files allow.</summary>
    public IReadOnlyList<RunDevice> Devices { get; init; } = [];
    /// <summary>The platform that the step is for: this machine may not run its programs.</summary>
    public required Platform Platform { get; init; }
    /// <summary>Directories that are volumes in the step's container, so that nothing of them is kept: the classic builder's way.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];
    /// <summary>Of the step's container, where the classic builder shows one; of no effect on what it makes.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    /// <summary>Where the script of a here-document lies.</summary>
    public const string ScriptDirectory = "/dev/pipes/";
    /// <summary>The script of a here-document that names its own interpreter.</summary>
    public Heredoc? Script { get; init; }

    public override IEnumerable<BuildNode> Inputs => [Root, .. Mounts.Where(mount => mount.From is not null).Select(mount => mount.From!)];

    public override string Definition
    {
        get
        {
            var text = new StringBuilder(Line("run", null));
            foreach (var argument in Command) text.Append(Line("arg", argument));
            foreach (var variable in Environment) text.Append(Line("env", variable));
            text.Append(Line("user", User)).Append(Line("cwd", Directory)).Append(Line("network", Network + (Insecure ? ",insecure" : ""))).Append(Line("script", Script?.Content));
            foreach (var mount in Mounts) text.Append(Line("mount", mount.Definition));
            foreach (var device in Devices) text.Append(Line("device", $"{device.Name},{device.Required}"));
            return text.ToString();
        }
    }
}

/// <summary>COPY and ADD.</summary>
public sealed class CopyNode : BuildNode
{
    public required BuildNode Root { get; init; }
    /// <summary>Where the sources are; null for a context.</summary>
    public BuildNode? From { get; init; }
    /// <summary>The name of the context that holds the sources where <see cref="From"/> is null; empty for the main one.</summary>
    public string Context { get; init; } = "";
    public required IReadOnlyList<string> Sources { get; init; }
    /// <summary>Files written in the Dockerfile itself, by name.</summary>
    public required IReadOnlyList<(string Name, string Content)> Inline { get; init; }
    /// <summary>Absolute; a closing slash says it is a directory.</summary>
    public required string Destination { get; init; }
    public string? Owner { get; init; }
    public string? Mode { get; init; }
    public bool Link { get; init; }
    public bool Parents { get; init; }
    public required IReadOnlyList<string> Excludes { get; init; }
    /// <summary>ADD: archives are unpacked, addresses fetched.</summary>
    public bool IsAdd { get; init; }
    /// <summary>ADD <c>--unpack</c>; null by the kind of source.</summary>
    public bool? Unpack { get; init; }
    public string? Checksum { get; init; }
    /// <summary>By the classic builder's rules: a pattern must match something, and names must be known.</summary>
    public bool IsClassic { get; init; }
    public bool KeepGitDirectory { get; init; }

    public override IEnumerable<BuildNode> Inputs => From is null ? [Root] : [Root, From];

    public override string Definition
    {
        get
        {
            var text = new StringBuilder(Line(IsAdd ? "add" : "copy", Destination));
            foreach (var source in Sources) text.Append(Line("source", source));
            foreach (var (name, content) in Inline) text.Append(Line("file", name)).Append(Line("content", content));
            text.Append(Line("owner", Owner)).Append(Line("mode", Mode)).Append(Line("options", $"{Link},{Parents},{Unpack},{Checksum},{KeepGitDirectory}"));
            foreach (var pattern in Excludes) text.Append(Line("exclude", pattern));
            return text.ToString();
        }
    }
}

/// <summary>WORKDIR: a directory made where it is missing.</summary>
public sealed class DirectoryNode : BuildNode
{
    public required BuildNode Root { get; init; }
    public required string Path { get; init; }
    /// <summary>Whose it is to be, as USER has it; null for root's.</summary>
    public string? Owner { get; init; }
    public override IEnumerable<BuildNode> Inputs => [Root];
    public override string Definition => Line("directory", Path) + (Owner is null ? "" : Line("owner", Owner));
}
