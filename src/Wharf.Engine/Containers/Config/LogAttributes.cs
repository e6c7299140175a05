using System.Text.RegularExpressions;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>The labels, variables and tag that are written with each line, when <c>labels</c>, <c>env</c>, their regular expressions or <c>tag</c> ask for them.</summary>
internal static class LogAttributes
{
    public static Dictionary<string, string>? Of(Dictionary<string, string> options, ContainerConfig config, string tag)
    {
        var attributes = new Dictionary<string, string>();
        var labels = config.Labels ?? [];
        var variables = new Dictionary<string, string>();
        foreach (var entry in config.Env ?? [])
            if (entry.IndexOf('=') is > 0 and var at) variables[entry[..at]] = entry[(at + 1)..];
        Choose(attributes, labels, options.GetValueOrDefault("labels"), options.GetValueOrDefault("labels-regex"));
        Choose(attributes, variables, options.GetValueOrDefault("env"), options.GetValueOrDefault("env-regex"));
        if (options.GetValueOrDefault("tag") is { Length: > 0 }) attributes["tag"] = tag;
        return attributes.Count == 0 ? null : attributes;
    }

    private static void Choose(Dictionary<string, string> attributes, Dictionary<string, string> from, string? names, string? pattern)
    {
        foreach (var name in names?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [])
            if (from.TryGetValue(name, out var value)) attributes[name] = value;
        if (string.IsNullOrEmpty(pattern)) return;
        foreach (var (name, value) in from)
            if (Matches(pattern, name)) attributes[name] = value;
    }

    private static bool Matches(string pattern, string name)
    {
        // NonBacktracking: the pattern comes from a client and must not be able to stall the daemon.
        try { return Regex.IsMatch(name, pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant); }
        catch (Exception error) when (error is ArgumentException or NotSupportedException) { throw WharfException.Invalid($"error parsing regexp: {error.Message}", error); }
    }
}
