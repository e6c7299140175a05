using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands;

/// <summary>Where an archive goes: a file, or stdout when that is not a terminal.</summary>
internal static class OutputFile
{
    /// <summary>Writes to a file beside the target first, so that a transfer that breaks leaves nothing half there.</summary>
    public static async Task WriteAsync(CliContext cli, string path, string verb, Func<Stream, Task> write)
    {
        if (path == "")
        {
            if (Terminal.IsTerminal(1)) throw new CliException("cowardly refusing to save to a terminal. Use the -o flag or redirect");
            await write(cli.OutputStream);
            return;
        }
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(directory)) throw new CliException($"failed to {verb}: invalid output path: stat {Path.GetDirectoryName(path)}: no such file or directory");
        if (Directory.Exists(path)) throw new CliException($"failed to {verb}: cannot write to a directory");
        if (File.Exists(path) && (File.GetAttributes(path) & FileAttributes.Device) != 0 || path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            await using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
            await write(device);
            return;
        }
        var temporary = Path.Combine(directory, $".wharf-{Path.GetFileName(path)}-{Environment.ProcessId}");
        try
        {
            await using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write)) await write(file);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
