using System.Diagnostics;
using System.Text;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A program on a pseudo terminal that a test talks with: it says something when it has read what it waits for.</summary>
internal sealed class Dialogue : IDisposable
{
    private readonly StringBuilder _heard = new();
    private readonly Process _process;
    private int _answered;

    public Dialogue(string line, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("script", ["-qec", $"stty rows 50 cols 200; {line}", "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = Process.Start(start) ?? throw new InvalidOperationException($"cannot start {line}");
        _process.StandardInput.AutoFlush = true;
    }

    /// <summary>Reads until the text comes, behind what was read for the last one. What is typed comes back too: wait for nothing that was said.</summary>
    public async Task ExpectAsync(string text, int seconds = 60)
    {
        using var patience = new CancellationTokenSource(CommandResult.Patience(seconds));
        var buffer = new char[4096];
        int at;
        while ((at = _heard.ToString(_answered, _heard.Length - _answered).IndexOf(text, StringComparison.Ordinal)) < 0)
        {
            int count;
            try { count = await _process.StandardOutput.ReadAsync(buffer, patience.Token); }
            catch (OperationCanceledException) { throw new TimeoutException($"no \"{text}\" in {seconds} s:\n{_heard}"); }
            if (count == 0) throw new InvalidOperationException($"it ended without \"{text}\":\n{_heard}");
            _heard.Append(buffer, 0, count);
        }
        _answered += at + text.Length;
    }

    public Task SayAsync(string text) => _process.StandardInput.WriteAsync(text);

    /// <summary>Types a line, and reads until the text comes.</summary>
    public async Task AskAsync(string line, string answer)
    {
        await SayAsync(line + "\n");
        await ExpectAsync(answer);
    }

    /// <summary>Waits until the program ends, and gives its exit code.</summary>
    public async Task<int> EndAsync(int seconds = 60)
    {
        using var patience = new CancellationTokenSource(CommandResult.Patience(seconds));
        _heard.Append(await _process.StandardOutput.ReadToEndAsync(patience.Token));
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public override string ToString() => _heard.ToString();

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
