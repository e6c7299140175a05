using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf system dial-stdio</c>: stdin and stdout become a connection to the daemon. What ssh:// starts on the other machine.</summary>
internal sealed class DialStdioCommand : Command
{
    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var connection = await cli.Api.DialAsync(cancellationToken);
        var input = CopyInputAsync(cli.InputStream, connection, cancellationToken);
        var buffer = new byte[32768];
        int count;
        while ((count = await connection.ReadAsync(buffer, cancellationToken)) > 0) await cli.OutputStream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        // The daemon has ended: what the other side still types has nowhere to go.
        _ = input;
        return 0;
    }

    private static async Task CopyInputAsync(Stream input, HttpConnection connection, CancellationToken cancellationToken)
    {
        var buffer = new byte[32768];
        int count;
        while ((count = await input.ReadAsync(buffer, cancellationToken)) > 0) await connection.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
        await connection.CloseWriteAsync();
    }
}
