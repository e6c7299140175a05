using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Config;

/// <summary>A pattern of repository names: <c>*</c> stands for any part of one component, <c>**</c> for any number of components.</summary>
public sealed class RepositoryPattern(string text)
{
    private readonly Regex _pattern = Compile(text);

    public bool Fits(string name) => _pattern.IsMatch(name);

    private static Regex Compile(string text)
    {
        if (text.Length is 0 or > 512) throw WharfException.Invalid($"invalid repository pattern \"{text}\"");
        var pattern = new StringBuilder("^");
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '*') pattern.Append(Regex.Escape(text[i].ToString()));
            else if (i + 1 < text.Length && text[i + 1] == '*')
            {
                pattern.Append(".*");
                i++;
            }
            else pattern.Append("[^/]*");
        }
        return new Regex(pattern.Append("\\z").ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}

/// <summary>Reading the texts of a configuration.</summary>
public static class ConfigText
{
    /// <summary>A duration: a whole number and <c>s</c>, <c>m</c>, <c>h</c> or <c>d</c>.</summary>
    public static TimeSpan Duration(string text, string key)
    {
        if (text.Length >= 2 && long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number <= 1_000_000_000)
        {
            switch (text[^1])
            {
                case 's': return TimeSpan.FromSeconds(number);
                case 'm': return TimeSpan.FromMinutes(number);
                case 'h': return TimeSpan.FromHours(number);
                case 'd': return TimeSpan.FromDays(number);
            }
        }
        throw WharfException.Invalid($"invalid value \"{text}\" for \"{key}\": expected a duration such as 30s, 5m, 24h or 7d");
    }

    public static TimeSpan? OptionalDuration(string? text, string key) => text is null ? null : Duration(text, key);

    /// <summary>A regular expression that must fit the whole of a tag.</summary>
    public static Regex TagPattern(string text, string key)
    {
        try { return new Regex($"^(?:{text})\\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking); }
        catch (Exception error) when (error is ArgumentException or NotSupportedException) { throw WharfException.Invalid($"invalid value \"{text}\" for \"{key}\": {error.Message}", error); }
    }
}
