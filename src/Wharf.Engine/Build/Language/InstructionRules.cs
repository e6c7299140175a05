using Wharf.Engine.Images;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Language;

/// <summary>What an instruction must be before anything is expanded or done: found when the file is read, also in stages that nobody needs.</summary>
internal static class InstructionRules
{
    public static void Check(Instruction instruction, char escape)
    {
        if (instruction is { Rest.Length: 0, Heredocs.Count: 0 } && Missing(instruction.Name) is { } missing) throw new DockerfileException(instruction.FirstLine, missing);
        try
        {
            switch (instruction.Name)
            {
                case "ENV" or "LABEL": WordSplit.Pairs(instruction, escape); break;
                case "ARG": Names(instruction, escape); break;
                case "COPY" or "ADD": Places(instruction); Truths(instruction); break;
                case "RUN": foreach (var device in instruction.FlagValues("device")) Planning.RunDevice.Parse(device, instruction); break;
                case "VOLUME": Paths(instruction, escape); break;
                case "SHELL": Shell(instruction); break;
                case "ONBUILD": ImageChange.OnBuild(instruction.Rest); break;
                case "HEALTHCHECK": ImageChange.Health(string.Join(' ', [.. instruction.Flags, instruction.Rest])); break;
            }
        }
        catch (WharfException error) when (error is not DockerfileException)
        {
            throw new DockerfileException(instruction.FirstLine, error.Message, error);
        }
    }

    /// <summary>What is said when there is nothing after the name; null where nothing may be there.</summary>
    private static string? Missing(string name) => name switch
    {
        // A shell without a command.
        "RUN" or "CMD" or "ENTRYPOINT" => null,
        "COPY" or "ADD" => $"{name} requires at least two arguments, but only one was provided. Destination could not be determined",
        "FROM" => "FROM requires either one or three arguments",
        "ENV" or "LABEL" or "EXPOSE" or "VOLUME" or "ARG" or "HEALTHCHECK" or "ONBUILD" or "SHELL" => $"{name} requires at least one argument",
        _ => $"{name} requires exactly one argument",
    };

    private static void Names(Instruction instruction, char escape)
    {
        foreach (var word in WordSplit.Words(instruction.Rest, escape))
            if (word.StartsWith('=')) throw new DockerfileException(instruction.FirstLine, "ARG names can not be blank");
    }

    /// <summary>Flags that are on or off.</summary>
    private static void Truths(Instruction instruction)
    {
        foreach (var name in DockerfileParser.Truths)
            if (instruction.Flag(name) is { Length: > 0 } value && value.ToLowerInvariant() is not ("true" or "false"))
                throw new DockerfileException(instruction.FirstLine, $"expecting boolean value for flag --{name}, not: {value}");
    }

    private static void Places(Instruction instruction)
    {
        if ((WordSplit.JsonList(instruction.Rest) ?? WordSplit.Fields(instruction.Rest)).Count < 2)
            throw new DockerfileException(instruction.FirstLine, $"{instruction.Name} requires at least two arguments, but only one was provided. Destination could not be determined");
    }

    private static void Paths(Instruction instruction, char escape)
    {
        var paths = WordSplit.JsonList(instruction.Rest) ?? WordSplit.Words(instruction.Rest, escape);
        if (paths.Count == 0) throw new DockerfileException(instruction.FirstLine, "VOLUME requires at least one argument");
        foreach (var path in paths)
            if (path.Trim().Length == 0) throw new DockerfileException(instruction.FirstLine, "VOLUME specified can not be an empty string");
    }

    private static void Shell(Instruction instruction)
    {
        var shell = WordSplit.JsonList(instruction.Rest) ?? throw new DockerfileException(instruction.FirstLine, "SHELL requires the arguments to be in JSON form");
        if (shell.Count == 0) throw new DockerfileException(instruction.FirstLine, "SHELL requires at least one argument");
    }
}
