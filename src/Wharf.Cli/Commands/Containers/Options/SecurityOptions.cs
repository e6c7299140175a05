using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>--security-opt</c>: a seccomp profile is a file here and travels as its content.</summary>
internal static class SecurityOptions
{
    public static (List<string>? Options, bool IsUnconfined) Build(IEnumerable<string> given)
    {
        var options = new List<string>();
        var isUnconfined = false;
        foreach (var option in given)
        {
            if (option == "systempaths=unconfined")
            {
                isUnconfined = true;
                continue;
            }
            // no-new-privileges stands alone; a colon is the old way to write the equals sign.
            var at = option.IndexOfAny(['=', ':']);
            if (at < 0 && option != "no-new-privileges") throw new CliException($"Invalid --security-opt: {Quoting.Quote(option)}", 125);
            if (at > 0 && option[..at] == "seccomp" && option[(at + 1)..] is not ("unconfined" or "builtin")) options.Add("seccomp=" + ReadProfile(option[(at + 1)..]));
            else options.Add(option);
        }
        return (options.Count == 0 ? null : options, isUnconfined);
    }

    private static string ReadProfile(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path))?.ToJsonString() ?? "null";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"opening seccomp profile ({path}) failed: open {path}: {(e is FileNotFoundException or DirectoryNotFoundException ? "no such file or directory" : e.Message)}", 125, e);
        }
        catch (JsonException e)
        {
            throw new CliException($"compacting json for seccomp profile ({path}) failed: {e.Message}", 125, e);
        }
    }
}
