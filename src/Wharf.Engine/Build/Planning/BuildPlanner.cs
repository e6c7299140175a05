using System.Globalization;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Containers.Devices;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>
/// Makes the graph of a build: finds base images, expands variables, and turns instructions into nodes and configuration. Stages
/// are planned when something needs them, so what nobody needs costs nothing, not even a pull.
/// </summary>
/// <param name="baseImage">Finds an image by reference, pulling it where need be.</param>
/// <param name="devices">Reads which devices of the host there are for <c>RUN --device</c>.</param>
internal sealed partial class BuildPlanner(BuildRequest request, Func<string, Platform?, CancellationToken, Task<ImageRecord>> baseImage, Func<CdiRegistry> devices)
{
    private readonly Dockerfile _file = DockerfileParser.Parse(request.DockerfileText, request.DockerfileName);
    private readonly Dictionary<int, Task<PlannedStage>> _planned = [];
    private readonly Dictionary<string, BaseNode> _images = new(StringComparer.Ordinal);
    private Dictionary<string, string> _metaArguments = [];
    private IReadOnlyDictionary<string, string?> _arguments = request.Arguments;

    public Dockerfile Dockerfile => _file;

    private readonly HashSet<string> _usedArguments = new(StringComparer.Ordinal);

    private static bool IsPredefined(string name) => Array.IndexOf(Proxies, name) >= 0 || name is EpochArgument || name.StartsWith("BUILDKIT_", StringComparison.Ordinal);

    private Linting.LintReport _lint => field ??= request.Lint ?? Linting.LintReport.Of(_file, request.Arguments);

    public async Task<BuildPlan> PlanAsync(CancellationToken cancellation)
    {
        Linting.DockerfileLinter.Check(_file, _lint);
        _metaArguments = MetaArguments(request.Arguments);
        await ResolveEpochAsync(cancellation);
        CheckDefaults();
        // Who asks for what is wrong wants to know it of all stages.
        if (request.Lint is not null && request.Target.Length == 0)
            foreach (var stage in _file.Stages) await StageAsync(stage.Index, cancellation);
        var target = await StageAsync(TargetIndex(), cancellation);
        foreach (var (key, value) in request.Labels) (target.Config.Labels ??= [])[key] = value;
        var stages = new List<PlannedStage>();
        foreach (var (_, stage) in _planned.OrderBy(pair => pair.Key)) stages.Add(await stage);
        return Plan(stages, target);
    }

    private BuildPlan Plan(IReadOnlyList<PlannedStage> stages, PlannedStage target)
    {
        int number = 0;
        foreach (var step in stages.SelectMany(stage => stage.Steps)) step.Number = ++number;
        return new BuildPlan(_file, stages, target) { SourceDateEpoch = _epoch, LintWarnings = _lint.Warnings, LintViolation = _lint.Violation, UnusedArguments = [.. request.Arguments.Keys.Where(name => !_usedArguments.Contains(name) && !IsPredefined(name)).Order(StringComparer.Ordinal)] };
    }

    /// <summary>A time as Go writes it: without zeros at the end.</summary>
    internal static string Timestamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", CultureInfo.InvariantCulture);

    private int TargetIndex()
    {
        if (request.Target.Length == 0) return _file.Stages.Count - 1;
        return FindStage(request.Target, _file.Stages.Count) ?? throw WharfException.Invalid($"target stage \"{request.Target}\" could not be found");
    }

    /// <summary>A stage by name, among those before <paramref name="before"/>; of several of one name the last. Numbers are names only to <c>--from</c>.</summary>
    private int? FindStage(string name, int before)
    {
        var lower = name.ToLowerInvariant();
        for (int i = before - 1; i >= 0; i--)
            if (_file.Stages[i].Name.Length > 0 && _file.Stages[i].Name == lower) return i;
        return null;
    }

    /// <summary>What FROM lines may use: the ARGs before the first of them, and the platforms.</summary>
    private Dictionary<string, string> MetaArguments(IReadOnlyDictionary<string, string?> set)
    {
        var known = PlatformArguments();
        foreach (var instruction in _file.MetaArgs)
        {
            foreach (var (name, value) in ArgumentWords(instruction))
            {
                _usedArguments.Add(name);
                var given = set.GetValueOrDefault(name);
                if (given is not null) known[name] = given;
                else if (value is not null) known[name] = Expand(value, known.GetValueOrDefault, instruction, static _ => { });
            }
        }
        return known;
    }

    /// <summary>Lint: a FROM that names no image unless the caller sets an argument.</summary>
    private void CheckDefaults()
    {
        var defaults = MetaArguments(new Dictionary<string, string?>());
        foreach (var stage in _file.Stages.Where(static stage => stage.Base.Contains('$')))
        {
            string name;
            try { name = new WordExpansion(defaults.GetValueOrDefault, _file.Escape).Expand(stage.Base); }
            catch (FormatException) { return; /* told where it is used */ }
            if (!ImageReference.TryParse(name, out _))
                Linting.DockerfileLinter.Tell(_lint, stage.From, "InvalidDefaultArgInFrom", "Default value for global ARG results in an empty or invalid base image name", $"Default value for ARG {stage.Base} results in empty or invalid base image name");
        }
    }

    private Dictionary<string, string> PlatformArguments()
    {
        var arguments = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("BUILD", Platforms.Host);
        Add("TARGET", request.Platform ?? Platforms.Host);
        return arguments;

        void Add(string prefix, Platform platform)
        {
            arguments[prefix + "PLATFORM"] = Platforms.Describe(platform);
            arguments[prefix + "OS"] = platform.Os ?? "linux";
            arguments[prefix + "ARCH"] = platform.Architecture ?? "";
            arguments[prefix + "VARIANT"] = platform.Variant ?? "";
        }
    }

    private List<(string Name, string? Value)> ArgumentWords(Instruction instruction)
    {
        var words = new List<(string, string?)>();
        foreach (var word in WordSplit.Words(instruction.Rest, _file.Escape))
        {
            int equals = word.IndexOf('=');
            words.Add(equals < 0 ? (word, null) : (word[..equals], word[(equals + 1)..]));
        }
        return words;
    }

    /// <param name="undefined">Is told the names that have no value.</param>
    private string Expand(string word, Func<string, string?> lookup, Instruction instruction, Action<string> undefined)
    {
        try
        {
            var expansion = new WordExpansion(lookup, _file.Escape);
            var text = expansion.Expand(word);
            foreach (var name in expansion.Unset) undefined(name);
            return text;
        }
        catch (FormatException error)
        {
            throw Wrong(instruction, $"failed to process {Specs.GoSyntax.Quoted(word)}: {error.Message}");
        }
    }

    /// <summary>An instruction that is well written and comes to something that cannot be.</summary>
    private static DockerfileException Wrong(Instruction instruction, string problem, Exception? inner = null) => new(instruction.FirstLine, problem, inner) { IsMeaning = true, LastLine = instruction.LastLine };

    /// <summary>A word of a FROM.</summary>
    private string ExpandBase(string word, Instruction from) => Expand(word, _metaArguments.GetValueOrDefault, from, name =>
    {
        var declared = _file.MetaArgs.SelectMany(ArgumentWords).Select(static word => word.Name).ToList();
        if (declared.Contains(name)) return;
        Linting.DockerfileLinter.Tell(_lint, from, "UndefinedArgInFrom", "FROM command must use declared ARGs", $"FROM argument '{name}' is not declared{Linting.DockerfileLinter.Suggestion(name, declared.Concat(_metaArguments.Keys), "")}");
    });

    /// <summary>A variable of a stage: ENV wins over ARG, but for one that was declared after it.</summary>
    private static string? Lookup(PlannedStage stage, string name)
    {
        if (stage.Overriding.Contains(name)) return stage.Arguments[name];
        foreach (var variable in stage.Config.Env ?? [])
            if (variable.Length > name.Length && variable[name.Length] == '=' && variable.StartsWith(name, StringComparison.Ordinal)) return variable[(name.Length + 1)..];
        return stage.Arguments.GetValueOrDefault(name);
    }

    private string Expand(PlannedStage stage, string word, Instruction instruction) => Expand(word, name => Lookup(stage, name), instruction, name => TellUndefined(stage, name, instruction));

    private void TellUndefined(PlannedStage stage, string name, Instruction instruction)
    {
        if (stage.DeclaredArguments.Contains(name)) return;
        var known = (stage.Config.Env ?? []).Select(static variable => variable.Split('=', 2)[0]).Concat(stage.Arguments.Keys);
        Linting.DockerfileLinter.Tell(_lint, instruction, "UndefinedVar", "Variables should be defined before their use", $"Usage of undefined variable '${name}'{Linting.DockerfileLinter.Suggestion(name, known, "$")}");
    }

    private Task<PlannedStage> StageAsync(int index, CancellationToken cancellation)
    {
        if (_planned.TryGetValue(index, out var planned)) return planned;
        _planned[index] = planned = PlanStageAsync(_file.Stages[index], cancellation);
        return planned;
    }

    private async Task<PlannedStage> PlanStageAsync(Stage stage, CancellationToken cancellation)
    {
        var planned = await BeginAsync(stage, cancellation);
        foreach (var trigger in TakeTriggers(planned)) await ApplyAsync(planned, trigger, cancellation);
        foreach (var instruction in stage.Instructions) await ApplyAsync(planned, instruction, cancellation);
        return planned;
    }

    /// <summary>What the base left to do for those that build on it.</summary>
    private static List<Instruction> TakeTriggers(PlannedStage stage)
    {
        var from = stage.Stage.From;
        var triggers = (stage.Config.OnBuild ?? []).ConvertAll(trigger => DockerfileParser.ParseOne(trigger) with { FirstLine = from.FirstLine, LastLine = from.LastLine });
        stage.Config.OnBuild = null;
        return triggers;
    }

    private async Task<PlannedStage> BeginAsync(Stage stage, CancellationToken cancellation)
    {
        var from = stage.From;
        var name = ExpandBase(stage.Base, from);
        if (name.Length == 0) throw Wrong(from, $"base name ({stage.Base}) should not be blank");
        var platformText = stage.Platform is null ? "" : ExpandBase(stage.Platform, from);
        if (stage.Platform is { Length: > 0 } && platformText.Length == 0 && !request.Classic) throw Wrong(from, $"empty platform value from expression {stage.Platform}");
        var planned = await BaseAsync(stage, name, platformText.Length > 0 ? PlatformOf(platformText, from) : request.Platform, cancellation);
        planned.Steps.Add(new PlannedStep(from, from.Text, null) { Config = planned.Config.Copy(), Root = planned.Root });
        return planned;
    }

    /// <summary>Where warnings are asked for, also what cannot be fetched is told with its line.</summary>
    private async Task<PlannedStage> BaseAsync(Stage stage, string name, Platform? platform, CancellationToken cancellation)
    {
        try { return await BeginAsync(stage, name, platform, cancellation); }
        catch (WharfException error) when (request.Lint is not null && error is not DockerfileException) { throw Wrong(stage.From, error.Message, error); }
    }

    private static Platform PlatformOf(string text, Instruction from)
    {
        try { return Platforms.Parse(text); }
        catch (WharfException error) { throw Wrong(from, $"failed to parse platform {text}: {error.Message}", error); }
    }

    /// <summary>The stage as its base leaves it: another stage, a named context, an image, or nothing.</summary>
    private async Task<PlannedStage> BeginAsync(Stage stage, string name, Platform? platform, CancellationToken cancellation)
    {
        if (FindStage(name, stage.Index) is { } index && !request.NamedContexts.ContainsKey(name))
        {
            var below = await StageAsync(index, cancellation);
            var inherited = new PlannedStage { Stage = stage, Below = below, HasDirectory = below.HasDirectory, Root = below.Root, Config = below.Config.Copy(), Platform = below.Platform, BaseImage = below.BaseImage, Author = below.Author };
            inherited.History.AddRange(below.History);
            if (!request.Classic) inherited.TakeArguments(below);
            return inherited;
        }
        var title = stage.From.Text;
        if (name == "scratch" && !request.NamedContexts.ContainsKey(name))
        {
            var nothing = new BaseNode { Title = title, Instruction = stage.From, StageName = LabelOf(stage) };
            return new PlannedStage { Stage = stage, Root = nothing, Config = new OciImageConfig { Env = [Containers.Oci.ProcessEnvironment.DefaultPath], WorkingDir = request.Classic ? null : "/" }, Platform = platform ?? Platforms.Host };
        }
        if (LocalContext(name) is { } local)
        {
            var copied = new CopyNode
            {
                Title = title, Instruction = stage.From, StageName = LabelOf(stage), Root = new BaseNode { Title = title, Instruction = stage.From, StageName = LabelOf(stage) },
                Context = local, Sources = ["/"], Inline = [], Destination = "/", Excludes = [],
            };
            return new PlannedStage { Stage = stage, Root = copied, Config = new OciImageConfig { Env = [Containers.Oci.ProcessEnvironment.DefaultPath], WorkingDir = "/" }, Platform = platform ?? Platforms.Host };
        }
        if (!request.NamedContexts.ContainsKey(name)) Require(name, stage.From);
        var node = await ImageAsync(name, platform, stage.From, LabelOf(stage), cancellation);
        var image = node.Image!;
        var planned = new PlannedStage
        {
            Stage = stage, Root = node, BaseImage = image, Config = (image.Config.Config ?? new OciImageConfig()).Copy(), Author = image.Config.Author,
            Platform = new Platform { Os = image.Config.Os ?? "linux", Architecture = image.Config.Architecture, Variant = image.Config.Variant },
        };
        if (planned.Config.Env is not { Count: > 0 }) planned.Config.Env = [Containers.Oci.ProcessEnvironment.DefaultPath];
        else if (request.Classic && !planned.Config.Env.Exists(static variable => variable.StartsWith("PATH=", StringComparison.Ordinal))) planned.Config.Env.Add(Containers.Oci.ProcessEnvironment.DefaultPath);
        foreach (var entry in image.Config.History ?? []) planned.History.Add(new PlannedHistory(entry, null));
        return planned;
    }

    /// <summary>That a name can be an image's.</summary>
    private void Require(string name, Instruction instruction)
    {
        try { ImageReference.Parse(name); }
        catch (WharfException error) { throw Wrong(instruction, request.Classic ? error.Message : $"failed to parse stage name {Specs.GoSyntax.Quoted(name)}: {error.Message}", error); }
    }

    /// <summary>The directory that a name stands for by a named context; null when it does not.</summary>
    private string? LocalContext(string name)
    {
        const string Scheme = "local:";
        return request.NamedContexts.TryGetValue(name, out var other) && other.StartsWith(Scheme, StringComparison.Ordinal) ? other[Scheme.Length..] : null;
    }

    private static string LabelOf(Stage stage) => stage.Name.Length > 0 ? stage.Name : $"stage-{stage.Index}";

    private async Task<BaseNode> ImageAsync(string name, Platform? platform, Instruction instruction, string stageName, CancellationToken cancellation)
    {
        if (request.NamedContexts.TryGetValue(name, out var other))
        {
            const string Scheme = "docker-image://";
            if (!other.StartsWith(Scheme, StringComparison.Ordinal)) throw WharfException.NotImplemented($"named context \"{name}\": only {Scheme} is supported, not \"{other}\"");
            name = other[Scheme.Length..];
        }
        var key = $"{name} {(platform is null ? "" : Platforms.Describe(platform))}";
        if (_images.TryGetValue(key, out var known)) return known;
        var image = await FoundAsync(name, platform, instruction, cancellation);
        return _images[key] = new BaseNode { Title = instruction.Name == "FROM" ? instruction.Text : $"FROM {name}", Instruction = instruction, StageName = stageName, Image = image, Name = name };
    }

    /// <summary>An image; BuildKit tells where in the Dockerfile one stands that cannot be had, but not of mounts.</summary>
    private async Task<ImageRecord> FoundAsync(string name, Platform? platform, Instruction instruction, CancellationToken cancellation)
    {
        try { return await baseImage(name, platform, cancellation); }
        catch (WharfException error) when (!request.Classic && instruction.Name != "RUN") { throw Wrong(instruction, error.Message, error); }
    }

    /// <summary>The file system that <c>--from</c> names: an earlier stage, or an image.</summary>
    private async Task<CopySourceName> SourceAsync(PlannedStage stage, string name, Instruction instruction, CancellationToken cancellation)
    {
        if (name == "scratch") return new CopySourceName(new BaseNode { Title = "FROM scratch", Instruction = instruction, StageName = stage.Label }, "");
        if (LocalContext(name) is { } local) return new CopySourceName(null, local);
        if (!request.NamedContexts.ContainsKey(name))
        {
            if (StageNamed(name, stage, instruction) is { } index) return new CopySourceName((await StageAsync(index, cancellation)).Root, "");
        }
        try
        {
            return new CopySourceName(await ImageAsync(name, request.Platform, instruction, stage.Label, cancellation), "");
        }
        catch (WharfException error) when (request.Classic && error is not DockerfileException)
        {
            throw new WharfException(error.Kind, $"invalid from flag value {name}: {error.Message}", error);
        }
    }

    /// <summary>The earlier stage that <c>--from</c> names, by name or number; null when it must be an image.</summary>
    private int? StageNamed(string name, PlannedStage stage, Instruction instruction)
    {
        int own = stage.Stage.Index;
        if (FindStage(name, own) is { } index) return index;
        bool isNumber = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        if (isNumber && number < own) return number;
        bool isOwn = isNumber ? number == own : name.Equals(stage.Stage.Name, StringComparison.OrdinalIgnoreCase);
        if (!request.Classic)
        {
            if (isOwn) throw Wrong(instruction, $"circular dependency detected on stage: {stage.Label}");
            if (isNumber) throw Wrong(instruction, $"invalid stage index {name}");
        }
        else if (isNumber) throw Wrong(instruction, $"invalid from flag value {name}: {(isOwn ? "refers to current build stage" : "index out of bounds")}");
        return null;
    }
}
