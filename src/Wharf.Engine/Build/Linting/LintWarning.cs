using System.Text;

namespace Wharf.Engine.Build.Linting;

/// <summary>What a rule found. Lines are counted from 1; 0 for none.</summary>
public sealed record LintWarning(string Rule, string Description, string Message, int Line, int LastLine)
{
    /// <summary>Where the rule is explained.</summary>
    public string Url { get; } = $"https://docs.docker.com/go/dockerfile/rule/{Kebab(Rule)}/";

    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        for (int i = 0; i < name.Length; i++)
        {
            bool starts = char.IsUpper(name[i]) && i > 0 && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));
            if (starts) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}
