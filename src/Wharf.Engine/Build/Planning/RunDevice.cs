using Wharf.Engine.Build.Language;

namespace Wharf.Engine.Build.Planning;

/// <summary>A <c>RUN --device</c>: one device of the Container Device Interface, the first of a kind (<c>vendor/class</c>), all of it (<c>vendor/class=*</c>), or those that a file puts into a class.</summary>
/// <param name="Required">The step fails where there is none; otherwise it runs without.</param>
public sealed record RunDevice(string Name, bool Required)
{
    private static readonly string[] Keys = ["name", "required"];

    /// <summary>Parses the flag's value; a <see cref="DockerfileException"/> in BuildKit's words for what is none.</summary>
    internal static RunDevice Parse(string text, Instruction instruction)
    {
        if (text.Length == 0) throw Wrong(instruction, "failed to parse csv devices: EOF");
        string name = "";
        bool required = false;
        foreach (var field in text.Split(','))
        {
            var (key, value) = field.Split('=', 2) is [var before, var after] ? (before.ToLowerInvariant(), after) : (field.ToLowerInvariant(), null);
            if (key == "required") required = value is null || (Specs.GoSyntax.Bool(value) ?? throw Wrong(instruction, $"invalid value for {key}: {value}"));
            else if (key == "name" && value is not null) name = name.Length == 0 ? value : throw Wrong(instruction, $"device name already set to {name}");
            else if (name.Length == 0) name = field;
            else if (value is null) throw Wrong(instruction, $"invalid field '{field}' must be a key=value pair");
            else throw Wrong(instruction, $"unexpected key '{key}' in '{field}'{Linting.DockerfileLinter.Suggestion(key, Keys, "")}");
        }
        return new RunDevice(name, required);
    }

    private static DockerfileException Wrong(Instruction instruction, string problem) => new(instruction.FirstLine, problem);
}
