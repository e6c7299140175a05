using System.Diagnostics;
using Shouldly;

namespace Wharf.SystemTests.Fixtures;

/// <summary>What a command printed and how it ended.</summary>
public sealed record CommandResult(string CommandLine, int ExitCode, string Out, string Error)
{
    /// <summary>Standard output without the last line end.</summary>
    public string Text => Out.TrimEnd('\n', '\r');

    /// <summary>Fails the test, with all that was printed, when the exit code is another.</summary>
    public CommandResult ShouldExit(int code)
    {
        ExitCode.ShouldBe(code, $"{CommandLine}\nstdout: {Out}\nstderr: {Error}");
        return this;
    }

    /// <summary>How long something may take that takes no more than <paramref name="seconds"/> here: under emulation (./dev vm) everything does.</summary>
    public static TimeSpan Patience(int seconds) => TimeSpan.FromSeconds(Environment.GetEnvironmentVariable("WHARF_IN_VM") is null ? seconds : seconds * 8);

    /// <summary>Runs a program to its end; ends it and fails after <paramref name="seconds"/>.</summary>
    public static async Task<CommandResult> RunAsync(string program, IEnumerable<string> args, byte[]? stdin = null, int seconds = 60, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var line = $"{program} {string.Join(' ', start.ArgumentList)}";
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"cannot start {line}");
        using var patience = new CancellationTokenSource(Patience(seconds));
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var error = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            if (stdin is not null) await process.StandardInput.BaseStream.WriteAsync(stdin, patience.Token);
            process.StandardInput.Close();
        }
        catch (IOException) { /* the program did not want its input; its exit code tells */ }
        try
        {
            await process.WaitForExitAsync(patience.Token);
            return new CommandResult(line, process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{line}: still running after {seconds} s");
        }
    }
}
