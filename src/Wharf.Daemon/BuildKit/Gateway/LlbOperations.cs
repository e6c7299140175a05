using System.Globalization;
using Google.Protobuf;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using ImageReference = Wharf.Specs.Image.ImageReference;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>
/// The plan's steps as operations of LLB. All that determines a step's result is in its operation, so that two steps of one operation are the same. What BuildKit has
/// as operations of their own and a plan has not, as contexts and here-documents, is asked of <paramref name="graph"/>.
/// </summary>
internal sealed class LlbOperations(LlbGraph graph)
{
    private const int Nothing = -1, Now = -1, AsItIs = -1;
    private const int DirectoryMode = 0x1ed, FileMode = 0x1a4;

    public Op Of(BuildNode node) => node switch
    {
        BaseNode image => Image(image),
        RunNode run => Run(run),
        CopyNode copy => Copy(copy),
        DirectoryNode directory => Directory(directory),
        _ => throw new InvalidOperationException(node.GetType().Name),
    };

    private static Op Image(BaseNode node)
    {
        var config = node.Image!.Config;
        return new Op
        {
            Source = new SourceOp { Identifier = "docker-image://" + NameOf(node) },
            Platform = PlatformOf(new Specs.Image.Platform { Os = config.Os ?? "linux", Architecture = config.Architecture, Variant = config.Variant }),
        };
    }

    /// <summary>A base image under its full name.</summary>
    public static string NameOf(BaseNode node) => ImageReference.TryParse(node.Name, out var reference) ? reference.WithDefaultTag().Canonical : node.Name;

    private static Platform PlatformOf(Specs.Image.Platform platform) => new() { Architecture = platform.Architecture ?? "", Os = platform.Os ?? "", Variant = platform.Variant ?? "" };

    /// <summary>The operation's input that a step is; -1 where the step is nothing.</summary>
    private long Input(Op operation, BuildNode node)
    {
        if (graph.DigestOf(node) is not { } digest) return Nothing;
        for (int i = 0; i < operation.Inputs.Count; i++)
            if (operation.Inputs[i].Digest == digest) return i;
        operation.Inputs.Add(new Input { Digest = digest });
        return operation.Inputs.Count - 1;
    }

    private Op Run(RunNode node)
    {
        var exec = new ExecOp
        {
            Meta = new Meta { Args = { node.Command }, Env = { node.Environment }, Cwd = node.Directory, User = node.User },
            Network = node.Network switch { "host" => NetMode.Host, "none" => NetMode.None, _ => NetMode.Unset }, Security = node.Insecure ? SecurityMode.Insecure : SecurityMode.Sandbox,
        };
        var operation = new Op { Exec = exec, Platform = PlatformOf(node.Platform) };
        exec.Mounts.Add(new Mount { Input = Input(operation, node.Root), Dest = "/" });
        foreach (var mount in node.Mounts)
        {
            exec.Mounts.Add(MountOf(operation, mount));
            if (mount is { Type: RunMountType.Secret, Variable.Length: > 0 }) exec.Secretenv.Add(new SecretEnv { Id = mount.Id, Name = mount.Variable, Optional = !mount.Required });
        }
        if (node.Script is { } script) exec.Mounts.Add(new Mount { Input = Input(operation, graph.Documents(node, [(script.Name, script.Content)])), Selector = "/" + script.Name, Dest = RunNode.ScriptDirectory + script.Name, Output = Nothing, Readonly = true });
        return operation;
    }

    private Mount MountOf(Op operation, RunMount mount)
    {
        var secret = new SecretOpt { Id = mount.Id, Uid = mount.Uid, Gid = mount.Gid, Mode = mount.Mode, Optional = !mount.Required };
        var made = new Mount
        {
            MountType = mount.Type switch { RunMountType.Bind => MountType.Bind, RunMountType.Cache => MountType.Cache, RunMountType.Tmpfs => MountType.Tmpfs, RunMountType.Secret => MountType.Secret, _ => MountType.Ssh },
            Input = mount.From is { } from ? Input(operation, from) : mount.Type == RunMountType.Bind ? Input(operation, graph.Context(mount.Context)) : Nothing,
            Dest = mount.Target, Output = Nothing, Readonly = mount.ReadOnly, Selector = mount.Type is RunMountType.Bind or RunMountType.Cache ? mount.Source : "",
        };
        switch (mount.Type)
        {
            case RunMountType.Cache: made.CacheOpt = new CacheOpt { Id = mount.Id.Length > 0 ? mount.Id : mount.Target, Sharing = mount.Sharing switch { "private" => CacheSharing.Private, "locked" => CacheSharing.Locked, _ => CacheSharing.Shared } }; break;
            case RunMountType.Tmpfs: made.TmpfsOpt = new TmpfsOpt { Size = mount.Size }; break;
            case RunMountType.Secret: made.SecretOpt = secret; break;
            case RunMountType.Ssh: made.SshOpt = secret; break;
        }
        return made;
    }

    private Op Directory(DirectoryNode node)
    {
        var operation = new Op { File = new FileOp() };
        long root = Input(operation, node.Root);
        operation.File.Actions.Add(new FileAction { Input = root, SecondaryInput = Nothing, Mkdir = new FileActionMkDir { Path = node.Path, Mode = DirectoryMode, MakeParents = true, Owner = OwnerOf(node.Owner, root), Timestamp = Now } });
        return operation;
    }

    private Op Copy(CopyNode node)
    {
        var operation = new Op { File = new FileOp() };
        long root = Input(operation, node.Root);
        var sources = node.Sources.Select(source => (From: SourceOf(node, source), Path: source)).ToList();
        if (node.Inline.Count > 0)
        {
            var documents = graph.Documents(node, node.Inline);
            sources.AddRange(node.Inline.Select(document => (documents, document.Name)));
        }
        // All inputs come first: an action that goes on where another ended names it behind them.
        var inputs = sources.ConvertAll(source => Input(operation, source.From));
        for (int i = 0; i < sources.Count; i++)
        {
            var remote = node.IsAdd && AddStep.IsRemote(sources[i].Path);
            operation.File.Actions.Add(new FileAction
            {
                Input = i == 0 ? root : operation.Inputs.Count + i - 1, SecondaryInput = inputs[i], Output = i == sources.Count - 1 ? 0 : Nothing, Copy = CopyOf(node, remote ? "/" : "/" + sources[i].Path.TrimStart('/'), remote, root),
            });
        }
        return operation;
    }

    private BuildNode SourceOf(CopyNode node, string source) => node.IsAdd && AddStep.IsRemote(source) ? graph.Remote(node, source) : node.From ?? graph.Context(node.Context);

    private static FileActionCopy CopyOf(CopyNode node, string source, bool remote, long root)
    {
        var copy = new FileActionCopy
        {
            Src = node.Parents ? "/" : source, Dest = node.Destination, Owner = OwnerOf(node.Owner, root), Mode = AsItIs, FollowSymlink = true, DirCopyContents = true, CreateDestPath = true, AllowWildcard = true, AllowEmptyWildcard = true, Timestamp = Now,
            AttemptUnpackDockerCompatibility = node.IsAdd && (node.Unpack ?? !remote), AlwaysReplaceExistingDestPaths = node.Link,
        };
        if (node.Parents) copy.IncludePatterns.Add(source[1..]);
        copy.ExcludePatterns.AddRange(node.Excludes);
        if (node.Mode is { } mode && !SetMode(copy, mode)) copy.ModeStr = mode;
        return copy;
    }

    private static bool SetMode(FileActionCopy copy, string mode)
    {
        if (mode.AsSpan().ContainsAnyExcept("01234567") || mode.Length > 5) return false;
        copy.Mode = Convert.ToInt32(mode, 8);
        return true;
    }

    /// <summary><c>user[:group]</c>. Names are those of the step's root.</summary>
    private static ChownOpt? OwnerOf(string? owner, long root)
    {
        if (owner is not { Length: > 0 }) return null;
        var parts = owner.Split(':', 2);
        var made = new ChownOpt { User = UserOf(parts[0], root) };
        if (parts.Length == 2) made.Group = UserOf(parts[1], root);
        return made;
    }

    private static UserOpt UserOf(string name, long root) =>
        uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? new UserOpt { ById = id } : new UserOpt { ByName = new NamedUserOpt { Name = name, Input = root } };

    /// <summary>Files that the Dockerfile itself holds.</summary>
    public static Op Files(IReadOnlyList<(string Name, string Content)> documents)
    {
        var operation = new Op { File = new FileOp() };
        for (int i = 0; i < documents.Count; i++)
        {
            operation.File.Actions.Add(new FileAction
            {
                Input = i == 0 ? Nothing : i - 1, SecondaryInput = Nothing, Output = i == documents.Count - 1 ? 0 : Nothing,
                Mkfile = new FileActionMkFile { Path = "/" + documents[i].Name, Mode = FileMode, Data = ByteString.CopyFromUtf8(documents[i].Content), Timestamp = Now },
            });
        }
        return operation;
    }
}
