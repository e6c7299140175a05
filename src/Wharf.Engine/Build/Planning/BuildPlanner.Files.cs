using Wharf.Engine.Archive;
using Wharf.Engine.Build.Language;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Planning;

/// <summary>WORKDIR, COPY and ADD.</summary>
internal sealed partial class BuildPlanner
{
    private string WorkingDirectory(PlannedStage stage, Instruction instruction)
    {
        var path = Expand(stage, instruction.Rest, instruction);
        if (path.Length == 0 && request.Classic) throw Wrong(instruction, "cannot normalize nothing");
        if (!stage.HasDirectory) Linting.DockerfileLinter.CheckFirstDirectory(instruction, path, _lint);
        stage.HasDirectory = true;
        var absolute = ArchivePlace.Clean(Absolute(stage, path));
        // BuildKit leaves an absolute path as it is written.
        var told = path.StartsWith('/') && !request.Classic ? path : absolute;
        var text = $"WORKDIR {told}";
        stage.Config.WorkingDir = told;
        // The root is there.
        if (absolute == "/")
        {
            if (request.Classic) Note(stage, text, null);
            else stage.History.Add(new PlannedHistory(Entry(text, emptyLayer: true), null));
            return text;
        }
        stage.Root = new DirectoryNode { Title = text, Instruction = instruction, StageName = stage.Label, NoCache = NoCache(stage), Root = stage.Root, Path = absolute, Owner = !request.Classic && stage.Config.User is { Length: > 0 } user ? user : null };
        if (request.Classic) Note(stage, text, stage.Root);
        else stage.History.Add(new PlannedHistory(Entry(text, emptyLayer: false), stage.Root));
        return text;
    }

    private static string Absolute(PlannedStage stage, string path) =>
        path.StartsWith('/') ? path : $"{(stage.Config.WorkingDir is { Length: > 0 } directory ? directory : "/").TrimEnd('/')}/{path}";

    private bool NoCache(PlannedStage stage) => request.NoCache || request.NoCacheStages.Contains(stage.Stage.Name, StringComparer.OrdinalIgnoreCase);

    private async Task<string> CopyAsync(PlannedStage stage, Instruction instruction, CancellationToken cancellation)
    {
        var words = (WordSplit.JsonList(instruction.Rest) ?? WordSplit.Fields(instruction.Rest)).ConvertAll(word => (Raw: word, Value: Expand(stage, word, instruction)));
        var destination = words[^1].Value;
        var inline = Inline(stage, instruction);
        var sources = words[..^1].Where(word => instruction.Heredocs.Count == 0 || HeredocWord.Parse(word.Raw) is null).Select(word => word.Value).ToList();
        bool directory = destination.EndsWith('/') || destination is "." or "" || destination.EndsWith("/.", StringComparison.Ordinal);
        if (request.Classic && sources.Count + inline.Count > 1 && !directory)
            throw Wrong(instruction, $"When using {instruction.Name} with more than one source file, the destination must be a directory and end with a /");
        var absolute = ArchivePlace.Clean(Absolute(stage, destination));
        var from = instruction.Flag("from") is { Length: > 0 } name ? await SourceAsync(stage, Expand(stage, name, instruction), instruction, cancellation) : new CopySourceName(null, "");
        if (from is { Node: null, Context: "" }) await CheckIgnoredAsync(instruction, sources, cancellation);
        bool isAdd = instruction.Name == "ADD";
        Solving.ModeChange.Parse(Value("chmod") is { Length: > 0 } wanted ? wanted : null);
        if (isAdd && Value("checksum") is { Length: > 0 } checksum) RequireChecked(instruction, sources, checksum);
        string? Value(string flag) => instruction.Flag(flag) is { } value ? Expand(stage, value, instruction) : null;
        var text = $"{instruction.Name} {string.Concat(instruction.Flags.Select(flag => Expand(stage, flag, instruction) + " "))}{string.Join(' ', words.Select(word => word.Value))}";
        stage.Root = new CopyNode
        {
            Title = text, Instruction = instruction, StageName = stage.Label, NoCache = NoCache(stage), Root = stage.Root, From = from.Node, Context = from.Context, Sources = sources, Inline = inline,
            Destination = directory && absolute != "/" ? absolute + "/" : absolute, Owner = Value("chown"), Mode = Value("chmod") is { Length: > 0 } mode ? mode : null, Link = instruction.IsSet("link"), Parents = instruction.IsSet("parents"),
            Excludes = [.. instruction.FlagValues("exclude").Select(pattern => Expand(stage, pattern, instruction))], IsAdd = isAdd,
            IsClassic = request.Classic, Unpack = instruction.Flag("unpack") is null ? null : instruction.IsSet("unpack"), Checksum = Value("checksum"), KeepGitDirectory = instruction.IsSet("keep-git-dir"),
        };
        // Of the flags the history tells those that show in the image.
        var shown = string.Concat(new[] { "chown", "chmod" }.Where(flag => Value(flag) is { Length: > 0 }).Select(flag => $"--{flag}={Value(flag)} "));
        if (request.Classic)
        {
            Note(stage, $"{instruction.Name} {shown}{SourceMark} in {destination} ", stage.Root);
            return text;
        }
        var told = string.Join(' ', words.Select(word => HeredocWord.Parse(word.Raw) is { } document && instruction.Heredocs.Count > 0 ? "<<" + document.Name : word.Value));
        stage.History.Add(new PlannedHistory(Entry($"{instruction.Name} {shown}{told} # buildkit", emptyLayer: false), stage.Root));
        return text;
    }

    /// <summary>What is checked comes from elsewhere: a repository by its commit, a file by its digest.</summary>
    private static void RequireChecked(Instruction instruction, List<string> sources, string checksum)
    {
        foreach (var source in sources.Where(static source => !GitSource.IsGit(source)))
        {
            if (!Solving.AddStep.IsRemote(source)) throw Wrong(instruction, "checksum requires HTTP(S) or Git sources");
            if (!Specs.Image.Digest.TryParse(checksum, out _)) throw Wrong(instruction, "invalid checksum digest format");
        }
    }

    /// <summary>Stands in the classic builder's entry for the digest of what is copied, which is not known yet.</summary>
    internal const string SourceMark = "\0";

    private List<(string Name, string Content)> Inline(PlannedStage stage, Instruction instruction)
    {
        var files = new List<(string, string)>();
        foreach (var document in instruction.Heredocs)
            files.Add((document.Name, document.Expand ? ExpandDocument(stage, document.Content, instruction) : document.Content));
        return files;
    }

    private string ExpandDocument(PlannedStage stage, string content, Instruction instruction)
    {
        var expansion = new WordExpansion(name => Lookup(stage, name), _file.Escape);
        var text = expansion.ExpandDocument(content);
        foreach (var name in expansion.Unset) TellUndefined(stage, name, instruction);
        return text;
    }
}
