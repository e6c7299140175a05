using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands;

/// <summary>Where an archive comes from: a file, or stdin when that is not a terminal.</summary>
internal static class InputFile
{
    public static Stream Open(CliContext cli, string path, string terminalMessage)
    {
        if (path == "") return Terminal.IsTerminal(0) ? throw new CliException(terminalMessage) : cli.InputStream;
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"open {path}: no such file or directory", 1, e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CliException(Directory.Exists(path) ? $"read {path}: is a directory" : $"open {path}: permission denied", 1, e);
        }
    }
}
