using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>--retry</c> and <c>--retry-delay</c> of pull and push, as podman has them. The daemon tries each of its requests several times anyway; these begin the whole anew.</summary>
internal sealed class RetryFlags
{
    // The codes of the distribution-spec that another attempt would get again.
    private static readonly string[] Final = ["unauthorized", "denied", "manifest unknown", "name unknown", "name invalid", "manifest invalid", "unsupported"];

    private readonly IntFlag count;
    private readonly DurationFlag delay;

    public RetryFlags(FlagSet flags)
    {
        count = flags.Add(new IntFlag("retry", '\0', "How often to try again when the registry fails", 0, "uint"));
        delay = flags.Duration("retry-delay", "Pause before each of these (a second, then twice as long each time)");
    }

    public async Task RunAsync(CliContext cli, Func<Task> transfer, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await transfer();
                return;
            }
            catch (CliException e) when (attempt < count.Value && IsWorthIt(e))
            {
                var pause = delay.Changed ? TimeSpan.FromTicks(delay.Nanoseconds / 100) : TimeSpan.FromSeconds(1L << Math.Min(attempt, 10));
                await cli.Error.WriteLineAsync($"WARNING: failed, trying again in {pause.TotalSeconds}s ({attempt + 1}/{count.Value}): {e.Message}");
                await Task.Delay(pause, cancellationToken);
            }
        }
    }

    private static bool IsWorthIt(CliException error) => error is not ConnectException && error is not ApiException { Status: < 500 } && !Final.Any(code => error.Message.Contains(code, StringComparison.Ordinal));
}
