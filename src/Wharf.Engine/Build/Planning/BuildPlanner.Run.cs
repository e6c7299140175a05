using Wharf.Engine.Build.Language;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>RUN.</summary>
internal sealed partial class BuildPlanner
{
    /// <summary>Arguments that are there without ARG, and that change neither history nor cache.</summary>
    private static readonly string[] Proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

    private async Task<string> RunAsync(PlannedStage stage, Instruction instruction, CancellationToken cancellation)
    {
        // The classic builder makes a container of no command and never starts it.
        if (request.Classic && instruction.Heredocs.Count == 0 && WordSplit.JsonList(instruction.Rest) is { Count: 0 })
        {
            stage.History.Add(new PlannedHistory(new HistoryEntry { CreatedBy = "" }, null));
            return instruction.Text;
        }
        var (command, script) = RunCommand(stage, instruction);
        var environment = new List<string>(stage.Config.Env ?? []);
        var arguments = new List<string>();
        foreach (var name in stage.DeclaredArguments)
        {
            // Who wins of ENV and ARG does so also in what the history tells of the argument.
            var set = stage.Overriding.Contains(name) ? null : environment.Find(variable => variable.StartsWith(name + "=", StringComparison.Ordinal));
            var value = stage.Arguments.GetValueOrDefault(name);
            if (set is null && value is not null) ImageChange.SetVariable(environment, name, value);
            if (Array.IndexOf(Proxies, name) < 0 && (request.Classic ? set is null && value is not null : true)) arguments.Add(set ?? $"{name}={value}");
        }
        if (request.Classic) arguments.Sort(StringComparer.Ordinal);
        var mounts = new List<RunMount>();
        foreach (var text in instruction.FlagValues("mount"))
            mounts.Add(await RunMount.ParseAsync(text, instruction, word => Expand(stage, word, instruction), name => SourceAsync(stage, name, instruction, cancellation)));
        if (mounts.Exists(mount => mount.Target.Length > 0 && Archive.ArchivePlace.Clean(Absolute(stage, mount.Target)) == "/")) throw Wrong(instruction, "invalid mount target \"/\"");
        if (instruction.Flag("security") is { } security && security is not ("sandbox" or "insecure")) throw new DockerfileException(instruction.FirstLine, $"security \"{security}\" is not valid");
        bool insecure = instruction.Flag("security") == "insecure";
        if (insecure && !request.Insecure) throw WharfException.Invalid("failed to load LLB: security.insecure is not allowed");
        var network = NetworkOf(instruction);
        if (network == "host" && !request.HostNetwork) throw WharfException.Invalid("failed to load LLB: network.host is not allowed");
        var title = RunTitle(instruction);
        stage.Root = new RunNode
        {
            Title = title, Instruction = instruction, StageName = stage.Label, NoCache = NoCache(stage), Root = stage.Root, Command = command, Environment = environment,
            ProxyEnvironment = ProxyEnvironment(),
            User = stage.Config.User ?? "", Directory = stage.Config.WorkingDir is { Length: > 0 } directory ? directory : "/", Mounts = mounts, Network = network, Insecure = insecure, Devices = DevicesOf(instruction), Script = script, Platform = stage.Platform,
            Volumes = request.Classic ? [.. stage.Config.Volumes?.Keys ?? Enumerable.Empty<string>()] : [],
            Labels = request.Classic ? new(stage.Config.Labels ?? []) : new Dictionary<string, string>(),
        };
        // The classic builder counts proxies as arguments and shows none of them.
        var prefix = arguments.Count > 0 || (request.Classic && Proxies.Any(name => request.Arguments.GetValueOrDefault(name) is not null)) ? string.Join(' ', [$"|{arguments.Count}", .. arguments]) + " " : "";
        if (request.Classic) stage.History.Add(new PlannedHistory(new HistoryEntry { CreatedBy = $"{prefix}{string.Join(' ', command)}" }, stage.Root));
        else stage.History.Add(new PlannedHistory(Entry($"RUN {prefix}{string.Join(' ', command)} # buildkit", emptyLayer: false), stage.Root));
        return request.Classic ? title : Shown(title, environment);
    }

    /// <summary>The caller's proxies. Programs look for them in small or large letters: BuildKit gives both.</summary>
    private List<string> ProxyEnvironment()
    {
        var given = Proxies.Where(name => request.Arguments.GetValueOrDefault(name) is not null).ToList();
        return request.Classic ? given.ConvertAll(name => $"{name}={request.Arguments[name]}")
            : [.. given.SelectMany(name => new[] { name.ToUpperInvariant(), name.ToLowerInvariant() }.Select(spelled => $"{spelled}={request.Arguments[name]}")).Distinct()];
    }

    private IReadOnlyList<RunDevice> DevicesOf(Instruction instruction)
    {
        List<RunDevice> wanted = [.. instruction.FlagValues("device").Select(text => RunDevice.Parse(text, instruction))];
        return wanted.Count == 0 ? wanted : request.Devices.Check(wanted, devices());
    }

    private string NetworkOf(Instruction instruction) => instruction.Flag("network") switch
    {
        null or "default" => request.RunConfig.NetworkMode is { Length: > 0 } mode ? mode : "default",
        "none" => "none",
        "host" => "host",
        var other => throw new DockerfileException(instruction.FirstLine, $"invalid network mode \"{other}\""),
    };

    /// <summary>A command with what is known of its variables, as BuildKit tells steps; one that cannot be read so is told as it is written.</summary>
    private string Shown(string title, List<string> environment)
    {
        string? Known(string name) => environment.Find(variable => variable.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];
        try { return new WordExpansion(Known, _file.Escape) { ForShow = true }.Expand(title); }
        catch (FormatException) { return title; }
    }

    private static string RunTitle(Instruction instruction) =>
        instruction.Heredocs is [var document, ..] ? $"{instruction.Text} ({document.Content.Split('\n', 2)[0]}{(document.Content.IndexOf('\n') < document.Content.Length - 1 ? "..." : "")})" : instruction.Text;

    /// <summary>
    /// The process to run. A here-document alone is a script: for the shell, or for the interpreter its first line names. One that
    /// belongs to a command is left in the command's text, for the shell to read.
    /// </summary>
    private (IReadOnlyList<string> Command, Heredoc? Script) RunCommand(PlannedStage stage, Instruction instruction)
    {
        if (instruction.Heredocs.Count == 0 && WordSplit.JsonList(instruction.Rest) is { } exec)
            return exec.Count > 0 ? (exec, null) : throw Wrong(instruction, "failed to marshal LLB definition: arguments are required");
        IReadOnlyList<string> shell = stage.Config.Shell ?? [.. DefaultShell];
        if (instruction.Heredocs is [var only] && HeredocWord.Parse(instruction.Rest.Trim()) is not null)
        {
            if (only.Content.StartsWith("#!", StringComparison.Ordinal)) return ([.. shell, RunNode.ScriptDirectory + only.Name], only);
            return ([.. shell, only.Content], null);
        }
        var text = instruction.Rest;
        foreach (var document in instruction.Heredocs) text += $"\n{document.Content}{document.Name}";
        return (request.Classic && text.Length == 0 ? shell : [.. shell, text], null);
    }
}
