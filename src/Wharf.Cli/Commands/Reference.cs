using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Cli.Commands;

/// <summary>Image names as typed: splitting off tag and digest, and the familiar short form.</summary>
internal static class Reference
{
    /// <summary>For a URL's path: slashes and colons stay, all else is escaped.</summary>
    public static string Escape(string name) => Uri.EscapeDataString(name).Replace("%2F", "/", StringComparison.Ordinal).Replace("%3A", ":", StringComparison.Ordinal).Replace("%40", "@", StringComparison.Ordinal);

    /// <summary>Splits <c>name[:tag][@digest]</c>; a colon before a slash is a registry's port.</summary>
    public static (string Name, string Tag, string Digest) Split(string text)
    {
        var digest = "";
        if (text.IndexOf('@') is >= 0 and var at)
        {
            digest = text[(at + 1)..];
            text = text[..at];
        }
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf('/') ? (text[..colon], text[(colon + 1)..], digest) : (text, "", digest);
    }

    /// <summary>With <c>:latest</c> when neither tag nor digest is given.</summary>
    public static string WithTag(string text) => Split(text) is (var name, "", "") ? $"{name}:latest" : text;

    /// <summary>The registry's host; Docker Hub when the first part names none.</summary>
    public static string Registry(string text)
    {
        var slash = text.IndexOf('/');
        var first = slash < 0 ? "" : text[..slash];
        return first.Contains('.') || first.Contains(':') || first == "localhost" ? first : "docker.io";
    }

    /// <summary>In full, as pull prints it: <c>docker.io/library/busybox:latest</c>.</summary>
    public static string InFull(string text) => Registry(text) != "docker.io" || text.StartsWith("docker.io/", StringComparison.Ordinal) ? text
        : text.Contains('/') ? $"docker.io/{text}" : $"docker.io/library/{text}";

    /// <summary>Whether it can be a name, in docker's words.</summary>
    public static void Check(string text)
    {
        try { ImageReference.Parse(text); }
        catch (WharfException error) { throw new CommandLine.CliException(error.Message, 1, error); }
    }
}
