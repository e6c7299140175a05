using System.Runtime.InteropServices;
using static Wharf.Cli.Output.TerminalNative;

namespace Wharf.Cli.Output;

/// <summary>The user's terminal: whether there is one, its size, and raw mode.</summary>
internal static class Terminal
{
    public static bool IsTerminal(int descriptor) => IsATty(descriptor) == 1;

    /// <summary>Whether colours are welcome there: on a terminal, unless NO_COLOR is set (no-color.org).</summary>
    public static bool ShowsColors(int descriptor) => IsTerminal(descriptor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Rows and columns, or null when there is no terminal there.</summary>
    public static (int Rows, int Columns)? Size(int descriptor)
        => GetWindowSize(descriptor, TIOCGWINSZ, out var size) == 0 && (size.Rows | size.Columns) != 0 ? (size.Rows, size.Columns) : null;

    /// <summary>Every key goes through unchanged until the result is disposed, which restores what was before.</summary>
    public static IDisposable EnterRawMode(int descriptor)
    {
        if (GetAttributes(descriptor, out var before) != 0) throw Failed("tcgetattr");
        var raw = before;
        MakeRaw(ref raw);
        return new Mode(descriptor, before, raw);
    }

    /// <summary>What is typed does not show, for a password.</summary>
    public static IDisposable HideTyping(int descriptor)
    {
        if (GetAttributes(descriptor, out var before) != 0) throw Failed("tcgetattr");
        var hidden = before;
        hidden.LocalModes &= ~ECHO;
        return new Mode(descriptor, before, hidden);
    }

    private static IOException Failed(string call)
    {
        var errno = Marshal.GetLastPInvokeError();
        return new IOException($"{call}: {Marshal.GetPInvokeErrorMessage(errno)}", errno);
    }

    /// <summary>Restores the terminal once, also when the process ends by a signal or an unhandled error.</summary>
    private sealed class Mode : IDisposable
    {
        private readonly int descriptor;
        private readonly Termios before;
        private readonly List<PosixSignalRegistration> signals = [];
        private int isRestored;

        public Mode(int descriptor, Termios before, Termios during)
        {
            this.descriptor = descriptor;
            this.before = before;
            AppDomain.CurrentDomain.ProcessExit += OnExit;
            // Since .NET 10 a signal that ends the process runs no exit handlers: restore, then let it do what it does.
            foreach (var signal in new[] { PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM })
                signals.Add(PosixSignalRegistration.Create(signal, _ => Restore()));
            if (SetAttributes(descriptor, TCSANOW, during) != 0) throw Failed("tcsetattr");
        }

        private void OnExit(object? sender, EventArgs e) => Restore();

        private void Restore()
        {
            if (Interlocked.Exchange(ref isRestored, 1) == 1) return;
            // A terminal that is gone (hang-up) cannot be restored and need not be.
            _ = SetAttributes(descriptor, TCSANOW, before);
        }

        public void Dispose()
        {
            Restore();
            AppDomain.CurrentDomain.ProcessExit -= OnExit;
            foreach (var signal in signals) signal.Dispose();
        }
    }
}
