using Wharf.Cli.CommandLine;

namespace Wharf.Cli;

/// <summary>The command line: finds the command, runs it, turns errors into docker's messages and exit codes.</summary>
public static class CliProgram
{
    public static async Task<int> RunAsync(string[] args, ImageTransports transports)
    {
        var options = new GlobalOptions();
        await using var cli = CliContext.OfProcess(options, transports);
        return await RunAsync(cli, args);
    }

    internal static async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> args)
    {
        try
        {
            return await new CommandRunner(cli).RunAsync(args, CancellationToken.None);
        }
        catch (IOException e) when (e.HResult == BrokenPipe)
        {
            // The reader of our output went away (| head): end as SIGPIPE would have ended us.
            return 128 + 13;
        }
    }

    /// <summary>EPIPE as .NET reports it: the errno in the HResult.</summary>
    internal const int BrokenPipe = 32;
}
