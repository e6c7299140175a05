using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>
/// A program of the host's as log driver, named as containerd names it: <c>binary:///path/to/program?argument=value</c>. A log driver is a
/// container's option like any other, which proxies and authorization plugins let pass, and which clients may take from files of others: so
/// programs are run that the daemon's configuration names, and no others.
/// </summary>
internal static class LogProgram
{
    private const string Scheme = "binary://", VariablePrefix = "env.";

    public static bool IsNamedBy(string driver) => driver.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>The program and its arguments: each key of the query and then its value, in the order given.</summary>
    public static List<string> Parse(string driver)
    {
        var parts = driver[Scheme.Length..].Split('?', 2);
        List<string> line = [Uri.UnescapeDataString(parts[0])];
        if (!IsPath(line[0])) throw WharfException.Invalid($"invalid log driver \"{driver}\": not an absolute path of a program");
        foreach (var pair in (parts.ElementAtOrDefault(1) ?? "").Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var argument = pair.Split('=', 2);
            // A variable can make any program load any code (LD_PRELOAD): whoever allows a program does not allow that.
            if (Decode(argument[0]).StartsWith(VariablePrefix, StringComparison.Ordinal)) throw WharfException.Invalid($"invalid log driver \"{driver}\": variables of the program cannot be set");
            line.AddRange([Decode(argument[0]), argument.Length == 2 ? Decode(argument[1]) : ""]);
        }
        if (line.Exists(text => text.Contains('\0'))) throw WharfException.Invalid($"invalid log driver \"{driver}\": a null byte");
        return line;
    }

    /// <summary>Whether it is the one way to write an absolute path.</summary>
    public static bool IsPath(string path) => path.Length > 1 && path[0] == '/' && !path.Contains('\0') && Path.GetFullPath(path) == path;

    /// <summary>InvalidArgument where the driver is a program that <paramref name="allowed"/> does not name.</summary>
    public static void RequireAllowed(string? driver, IReadOnlyList<string> allowed)
    {
        if (driver is null || !IsNamedBy(driver)) return;
        var program = Parse(driver)[0];
        if (!allowed.Contains(program)) throw WharfException.Invalid($"log driver \"{driver}\" is not allowed: the daemon's log-programs do not name {program}");
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
