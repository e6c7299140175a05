using Wharf.Cli.Output;

namespace Wharf.Cli.Commands;

/// <summary>Asks before anything is thrown away.</summary>
internal static class Prune
{
    /// <summary>Whether to go on; asks nothing when forced.</summary>
    public static async Task<bool> IsConfirmedAsync(CliContext cli, bool isForced, string warning)
    {
        if (isForced) return true;
        await cli.Out.WriteAsync($"WARNING! {warning}\nAre you sure you want to continue? [y/N] ");
        return (await ReadLineAsync(cli.InputStream)).Trim().ToLowerInvariant() is "y" or "yes";
    }

    /// <summary>The filters typed and config.json's <c>pruneFilters</c>; one of the file gives way to its opposite typed.</summary>
    public static List<string> Filters(CliContext cli, IReadOnlyList<string> typed)
    {
        List<string> all = [.. typed];
        if (cli.Config.Content["pruneFilters"] is not System.Text.Json.Nodes.JsonArray configured) return all;
        foreach (var text in configured.OfType<System.Text.Json.Nodes.JsonValue>().Select(value => value.ToString()).Where(text => text.Contains('=')))
        {
            var opposite = text.StartsWith("label=", StringComparison.Ordinal) ? "label!=" + text[6..] : text.StartsWith("label!=", StringComparison.Ordinal) ? "label=" + text[7..] : null;
            if (opposite is null || !typed.Contains(opposite)) all.Add(text);
        }
        return all;
    }

    /// <summary>The list of what went, and what it gave back.</summary>
    public static async Task ReportAsync(CliContext cli, string heading, IReadOnlyCollection<string> removed)
    {
        if (removed.Count > 0) await cli.Out.WriteLineAsync($"{heading}:\n{string.Join('\n', removed)}\n");
    }

    public static Task ReportSpaceAsync(CliContext cli, long bytes) => cli.Out.WriteLineAsync($"Total reclaimed space: {Units.HumanSize(bytes)}");

    /// <summary>Reads to the end of the line and no further: what follows on stdin is not ours.</summary>
    public static async Task<string> ReadLineAsync(Stream input) => (await ReadToLineEndAsync(input)).Line;

    /// <summary>The same; null when the input ended first.</summary>
    public static async Task<string?> TryReadLineAsync(Stream input) => await ReadToLineEndAsync(input) is (var line, IsWhole: true) ? line : null;

    private static async Task<(string Line, bool IsWhole)> ReadToLineEndAsync(Stream input)
    {
        var line = new List<byte>();
        var one = new byte[1];
        bool isThere;
        while ((isThere = await input.ReadAsync(one) == 1) && one[0] != (byte)'\n') line.Add(one[0]);
        return (System.Text.Encoding.UTF8.GetString([.. line]).TrimEnd('\r'), isThere);
    }
}
