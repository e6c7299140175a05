using System.Runtime.InteropServices;

namespace Wharf.Cli.Output;

/// <summary>The few libc calls a terminal needs.</summary>
internal static partial class TerminalNative
{
    public const int EINTR = 4, EAGAIN = 11;
    public const int TCSANOW = 0;
    public const nuint TIOCGWINSZ = 0x5413;
    public const short POLLIN = 1, POLLOUT = 4;

    public const uint ECHO = 8;

    /// <summary>struct termios of Linux: 60 bytes on every architecture Wharf runs on; only the local modes are looked at.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 60)]
    public struct Termios
    {
        public uint InputModes, OutputModes, ControlModes, LocalModes;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct WindowSize
    {
        public ushort Rows, Columns, PixelsX, PixelsY;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    [LibraryImport("libc", EntryPoint = "isatty")]
    public static partial int IsATty(int descriptor);

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    public static partial int GetAttributes(int descriptor, out Termios termios);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    public static partial int SetAttributes(int descriptor, int actions, in Termios termios);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    public static partial void MakeRaw(ref Termios termios);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int GetWindowSize(int descriptor, nuint request, out WindowSize size);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static unsafe partial nint Read(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static unsafe partial nint Write(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(ref PollDescriptor descriptor, nuint count, int timeoutMilliseconds);
}
