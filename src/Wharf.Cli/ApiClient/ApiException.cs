using Wharf.Cli.CommandLine;

namespace Wharf.Cli.ApiClient;

/// <summary>The daemon answered with an error status.</summary>
internal sealed class ApiException(int status, string message) : CliException($"Error response from daemon: {message}")
{
    public int Status { get; } = status;
    public string DaemonMessage { get; } = message;
}

/// <summary>The daemon could not be reached.</summary>
internal sealed class ConnectException(string message, Exception inner) : CliException(message, 1, inner);
