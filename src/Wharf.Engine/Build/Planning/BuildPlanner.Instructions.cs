using System.Text.Json;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>What each instruction does to the configuration; those that change files are in files of their own.</summary>
internal sealed partial class BuildPlanner
{
    private const string HistoryComment = "buildkit.dockerfile.v0";
    private static readonly string[] DefaultShell = ["/bin/sh", "-c"];

    private async Task ApplyAsync(PlannedStage stage, Instruction instruction, CancellationToken cancellation)
    {
        var before = stage.Root;
        var title = instruction.Text;
        try
        {
            title = instruction.Name switch
            {
                "RUN" => await RunAsync(stage, instruction, cancellation),
                "COPY" or "ADD" => await CopyAsync(stage, instruction, cancellation),
                "WORKDIR" => WorkingDirectory(stage, instruction),
                _ => Configure(stage, instruction),
            };
        }
        catch (WharfException error) when (error is not DockerfileException && error.Kind == ErrorKind.InvalidArgument)
        {
            throw Wrong(instruction, error.Message, error);
        }
        stage.Steps.Add(new PlannedStep(instruction, title, stage.Root == before ? null : stage.Root) { Config = stage.Config.Copy(), Root = stage.Root });
    }

    /// <summary>Instructions that change nothing but the configuration. Gives the text with variables replaced.</summary>
    private string Configure(PlannedStage stage, Instruction instruction)
    {
        var config = stage.Config;
        var text = instruction.Name switch
        {
            "ENV" => Environment(stage, instruction),
            "LABEL" => Labels(stage, instruction),
            "ARG" => Argument(stage, instruction),
            "CMD" or "ENTRYPOINT" => Command(stage, instruction),
            "EXPOSE" => Expose(stage, instruction),
            "VOLUME" => Volume(stage, instruction),
            "USER" => "USER " + (config.User = Expand(stage, instruction.Rest, instruction)),
            "STOPSIGNAL" => "STOPSIGNAL " + (config.StopSignal = Signal(Expand(stage, instruction.Rest, instruction))),
            "MAINTAINER" => "MAINTAINER " + (stage.Author = instruction.Rest),
            "SHELL" => Shell(stage, instruction),
            "ONBUILD" => OnBuild(stage, instruction),
            "HEALTHCHECK" => Health(stage, instruction),
            _ => throw new DockerfileException(instruction.FirstLine, $"{instruction.Name} is not allowed here"),
        };
        // What is only kept for later has no entry with BuildKit.
        if (request.Classic) Note(stage, $" {text}", null);
        else if (instruction.Name != "ONBUILD") stage.History.Add(new PlannedHistory(Entry(text, emptyLayer: true), null));
        return instruction.Name is "CMD" or "ENTRYPOINT" or "HEALTHCHECK" or "SHELL" or "EXPOSE" or "VOLUME" ? instruction.Text : text;
    }

    /// <summary>The classic builder's entry for what is not run: the shell, as if it had been told a comment.</summary>
    private static void Note(PlannedStage stage, string text, BuildNode? node) =>
        stage.History.Add(new PlannedHistory(new HistoryEntry { CreatedBy = $"{string.Join(' ', stage.Config.Shell ?? [.. DefaultShell])} #(nop) {text}" }, node));

    private static HistoryEntry Entry(string text, bool emptyLayer) => new() { CreatedBy = text, Comment = HistoryComment, EmptyLayer = emptyLayer ? true : null };

    private string Environment(PlannedStage stage, Instruction instruction)
    {
        // All values see the environment as it was before the instruction.
        var pairs = WordSplit.Pairs(instruction, _file.Escape).ConvertAll(pair => (Key: Expand(stage, pair.Key, instruction), Value: Expand(stage, pair.Value, instruction)));
        foreach (var (key, value) in pairs)
        {
            ImageChange.SetVariable(stage.Config.Env ??= [], key, value);
            stage.Overriding.Remove(key);
        }
        return "ENV " + string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}"));
    }

    private string Labels(PlannedStage stage, Instruction instruction)
    {
        var pairs = WordSplit.Pairs(instruction, _file.Escape).ConvertAll(pair => (Key: Expand(stage, pair.Key, instruction), Value: Expand(stage, pair.Value, instruction)));
        foreach (var (key, value) in pairs) (stage.Config.Labels ??= [])[key] = value;
        return "LABEL " + string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}"));
    }

    private string Argument(PlannedStage stage, Instruction instruction)
    {
        var shown = new List<string>();
        foreach (var (name, written) in ArgumentWords(instruction))
        {
            _usedArguments.Add(name);
            var absent = written is null ? null : Expand(stage, written, instruction);
            var value = _arguments.GetValueOrDefault(name) ?? absent ?? (request.Classic && IsPlatformArgument(name) ? null : _metaArguments.GetValueOrDefault(name));
            if (value is not null)
            {
                stage.Arguments[name] = value;
                if (!request.Classic) stage.Overriding.Add(name);
            }
            if (!stage.DeclaredArguments.Contains(name)) stage.DeclaredArguments.Add(name);
            // The classic builder shows what is written.
            if (request.Classic) value = absent;
            shown.Add(value is null ? name : $"{name}={value}");
        }
        return "ARG " + string.Join(' ', shown);
    }

    /// <summary>What BuildKit predefines for stages.</summary>
    private static bool IsPlatformArgument(string name) => name is "TARGETPLATFORM" or "TARGETOS" or "TARGETARCH" or "TARGETVARIANT" or "BUILDPLATFORM" or "BUILDOS" or "BUILDARCH" or "BUILDVARIANT";

    private string Command(PlannedStage stage, Instruction instruction)
    {
        var command = WordSplit.JsonList(instruction.Rest) ?? ShellCommand(stage, instruction);
        if (instruction.Name == "CMD")
        {
            stage.Config.Cmd = Written(command);
            // Of the two forms only one is for the shell of an image of Windows; that is what BuildKit marks, and it marks both.
            stage.Config.ArgsEscaped = request.Classic ? null : true;
            stage.CommandSet = true;
        }
        else
        {
            stage.Config.Entrypoint = Written(command);
            if (!stage.CommandSet) stage.Config.Cmd = null;
        }
        return $"{instruction.Name} {Quoted(command)}";
    }

    /// <summary>An empty list is none.</summary>
    private static List<string>? Written(List<string> command) => command.Count == 0 ? null : command;

    /// <summary>The shell form. Of nothing the classic builder makes no word, and of ENTRYPOINT nothing at all.</summary>
    private List<string> ShellCommand(PlannedStage stage, Instruction instruction)
    {
        var shell = stage.Config.Shell ?? [.. DefaultShell];
        if (!request.Classic || instruction.Rest.Length > 0) return [.. shell, instruction.Rest];
        return instruction.Name == "ENTRYPOINT" ? [] : [.. shell];
    }

    /// <summary>A list as Go prints it with quotes: <c>["a" "b"]</c>, the form that histories have.</summary>
    private static string Quoted(IEnumerable<string> words) => $"[{string.Join(' ', words.Select(word => $"\"{JsonEncodedText.Encode(word, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\""))}]";

    private string Expose(PlannedStage stage, Instruction instruction)
    {
        // In the order that they are written in, sorted, whatever their variables stand for.
        var ports = WordSplit.Fields(instruction.Rest).Order(StringComparer.Ordinal).SelectMany(word => WordSplit.Fields(Expand(word, name => Lookup(stage, name), instruction, static _ => { }))).ToList();
        foreach (var port in ports) Linting.DockerfileLinter.CheckPort(instruction, port, _lint);
        foreach (var port in ports)
            foreach (var each in PortsOf(port)) (stage.Config.ExposedPorts ??= [])[each] = ImageChange.Empty;
        if (request.Classic) return $"EXPOSE {string.Join(' ', ports)}";
        return $"EXPOSE [{string.Join(' ', ports.SelectMany(ImageChange.Ports))}]";
    }

    /// <summary>BuildKit tells the same mistakes in words of its own.</summary>
    private IEnumerable<string> PortsOf(string port)
    {
        try { return ImageChange.Ports(port); }
        catch (WharfException error) when (!request.Classic)
        {
            var problem = port.StartsWith('/') ? "no port specified" : char.ToLowerInvariant(error.Message[0]) + error.Message[1..];
            throw WharfException.Invalid(problem.StartsWith("invalid proto", StringComparison.Ordinal) || port.StartsWith('/') ? $"invalid port: {Specs.GoSyntax.Quoted(port)}: {problem}" : problem, error);
        }
    }

    private string Volume(PlannedStage stage, Instruction instruction)
    {
        var paths = (WordSplit.JsonList(instruction.Rest) ?? WordSplit.Words(instruction.Rest, _file.Escape)).ConvertAll(path => Expand(stage, path, instruction));
        foreach (var path in paths)
        {
            if (path.Length == 0) throw Wrong(instruction, "VOLUME specified can not be an empty string");
            (stage.Config.Volumes ??= [])[path] = ImageChange.Empty;
        }
        return $"VOLUME [{string.Join(' ', paths)}]";
    }

    private static string Signal(string name)
    {
        Containers.Signals.Parse(name);
        return name;
    }

    private static string Shell(PlannedStage stage, Instruction instruction)
    {
        var shell = WordSplit.JsonList(instruction.Rest)!;
        stage.Config.Shell = shell;
        return $"SHELL [{string.Join(' ', shell)}]";
    }

    private static string OnBuild(PlannedStage stage, Instruction instruction)
    {
        var trigger = instruction.Rest;
        foreach (var document in instruction.Heredocs) trigger += $"\n{document.Content}{document.Name}";
        (stage.Config.OnBuild ??= []).Add(ImageChange.OnBuild(trigger));
        return $"ONBUILD {trigger}";
    }

    private string Health(PlannedStage stage, Instruction instruction)
    {
        var text = string.Join(' ', [.. instruction.Flags, instruction.Rest]);
        stage.Config.Healthcheck = ImageChange.Health(text);
        return $"HEALTHCHECK {(request.Classic ? GoText.PlainHealth(stage.Config.Healthcheck) : GoText.Health(stage.Config.Healthcheck))}";
    }
}
