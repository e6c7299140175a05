using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>Variables and labels from the command line and from files of one <c>KEY=value</c> a line.</summary>
internal static class EnvironmentFile
{
    /// <summary>Files first, so that the command line overrides them; null when there is nothing.</summary>
    public static List<string>? Collect(IEnumerable<string> files, IEnumerable<string> given)
    {
        var all = new List<string>();
        foreach (var file in files) all.AddRange(Read(file, takesFromEnvironment: true));
        foreach (var variable in given)
        {
            if (variable == "" || variable[0] == '=') throw new UsageException($"invalid environment variable: {variable}");
            if (variable.Contains('=')) all.Add(variable);
            else if (Environment.GetEnvironmentVariable(variable) is { } value) all.Add($"{variable}={value}");
            // A name alone that is not set here removes it from what the image sets.
            else all.Add(variable);
        }
        return all.Count == 0 ? null : all;
    }

    public static IEnumerable<string> Read(string path, bool takesFromEnvironment)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"open {path}: no such file or directory", 125, e);
        }
        foreach (var line in lines.Select(line => line.TrimStart()).Where(line => line != "" && line[0] != '#'))
        {
            var (key, value) = KeyValue.Split(line);
            if (key == "") throw new CliException($"invalid env file ({path}): no variable name on line '{line}'", 125);
            if (key.Any(char.IsWhiteSpace)) throw new CliException($"invalid env file ({path}): variable '{key}' contains whitespaces", 125);
            if (line.Contains('=')) yield return $"{key}={value}";
            else if (!takesFromEnvironment) yield return key;
            else if (Environment.GetEnvironmentVariable(key) is { } set) yield return $"{key}={set}";
        }
    }
}
