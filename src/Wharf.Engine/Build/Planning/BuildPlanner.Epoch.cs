using System.Globalization;
using Wharf.Engine.Build.Language;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Planning;

/// <summary>
/// SOURCE_DATE_EPOCH, which the caller gives or an ARG before the first FROM: seconds since 1970, <c>context</c> for the time of the main context, or the name of
/// a context or of a stage that does nothing but fetch one thing, for the time of that (BuildKit's Dockerfile 1.24).
/// </summary>
internal sealed partial class BuildPlanner
{
    private const string EpochArgument = "SOURCE_DATE_EPOCH";
    private const string OneRemoteAdd = "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD";

    private long? _epoch;

    /// <summary>When what an address leads to was changed last, checked against a digest or commit; null when nothing tells it.</summary>
    public Func<string, string?, CancellationToken, Task<DateTimeOffset?>> AddressTime { get; init; } = static (_, _, _) => Task.FromResult<DateTimeOffset?>(null);

    /// <summary>Works the time out; from then on the argument's value is seconds, or nothing where there is no time.</summary>
    private async Task ResolveEpochAsync(CancellationToken cancellation)
    {
        var given = request.Arguments.GetValueOrDefault(EpochArgument);
        if ((given ?? _metaArguments.GetValueOrDefault(EpochArgument)) is not { Length: > 0 } word) return;
        _epoch = long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long seconds) ? seconds : (await NamedTimeAsync(word, cancellation))?.ToUnixTimeSeconds();
        var text = _epoch?.ToString(CultureInfo.InvariantCulture) ?? "";
        if (_metaArguments.ContainsKey(EpochArgument)) _metaArguments[EpochArgument] = text;
        if (given is not null) _arguments = new Dictionary<string, string?>(request.Arguments, StringComparer.Ordinal) { [EpochArgument] = text };
    }

    private async Task<DateTimeOffset?> NamedTimeAsync(string name, CancellationToken cancellation)
    {
        if (name == "context") return await request.ContextTime("", cancellation);
        if (request.NamedContexts.ContainsKey(name)) return LocalContext(name) is { } local ? await request.ContextTime(local, cancellation) : null;
        if (_file.Stages.FirstOrDefault(stage => stage.Name.Length > 0 && stage.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is not { } named)
            throw WharfException.Invalid($"invalid {EpochArgument}: {name}: strconv.ParseInt: parsing \"{name}\": invalid syntax");
        var known = new Dictionary<string, string>(_metaArguments, StringComparer.Ordinal);
        known.Remove(EpochArgument);
        var (address, checksum) = OnlySource(named, known);
        return await AddressTime(address, checksum, cancellation);
    }

    /// <summary>The one address that a stage fetches. The stage is read before anything is planned, so it must stand by itself.</summary>
    private (string Address, string? Checksum) OnlySource(Stage stage, Dictionary<string, string> known)
    {
        string Word(string word, Instruction instruction) => Expand(word, known.GetValueOrDefault, instruction, static _ => { });
        if (Word(stage.Base, stage.From) != "scratch") throw Wrong(stage.From, "SOURCE_DATE_EPOCH stage must use FROM scratch");
        (string, string?)? found = null;
        foreach (var instruction in stage.Instructions)
        {
            if (instruction.Name == "ARG")
            {
                foreach (var (name, written) in ArgumentWords(instruction))
                    if ((request.Arguments.GetValueOrDefault(name) ?? (written is null ? null : Word(written, instruction))) is { } value) known[name] = value;
                continue;
            }
            if (instruction.Name != "ADD") throw Wrong(instruction, $"SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported {instruction.Name.ToLowerInvariant()} instruction");
            var words = WordSplit.JsonList(instruction.Rest) ?? WordSplit.Fields(instruction.Rest);
            if (found is not null) throw Wrong(instruction, OneRemoteAdd);
            if (instruction.Heredocs.Count > 0 || words.Count != 2) throw Wrong(instruction, OneRemoteAdd + " source");
            var address = Word(words[0], instruction);
            if (!Solving.AddStep.IsRemote(address)) throw Wrong(instruction, "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD");
            var checksum = instruction.Flag("checksum") is { } sum ? Word(sum, instruction) : null;
            if (checksum is { Length: > 0 }) RequireChecked(instruction, [address], checksum);
            found = (address, checksum);
        }
        return found ?? throw Wrong(stage.From, OneRemoteAdd);
    }
}
