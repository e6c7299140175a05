namespace Wharf.Cli.CommandLine;

/// <summary>Ends the command with a message on stderr (none when empty) and an exit code.</summary>
internal class CliException(string message, int exitCode = 1, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>The command line itself is wrong: shown with the command's usage, exit code 125 as docker does.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : CliException(message, 125, inner);

/// <summary>Too few or too many arguments: shown with the usage, exit code 1.</summary>
internal sealed class ArgumentCountException(string message, bool isMissing) : CliException(message)
{
    public bool IsMissing { get; } = isMissing;
}

/// <summary>The user asked for help, or typed a noun alone.</summary>
internal sealed class HelpRequestedException : Exception;
