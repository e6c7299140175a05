using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>What is wrong with a tar that a client sent, in the words of Go's archive/tar.</summary>
internal static class BrokenArchive
{
    private const string Mark = "invalid tar: ";

    // What is only too much is told as it is.
    private static readonly string[] Headers = ["octal", "checksum", "out of range", "malformed", "negative size"];

    public static string Words(WharfException error) => !error.Message.StartsWith(Mark, StringComparison.Ordinal) ? error.Message
        : Headers.Any(word => error.Message.Contains(word, StringComparison.Ordinal)) ? "archive/tar: invalid tar header" : $"archive/tar: {error.Message[Mark.Length..]}";

    /// <summary>Does what reads one, with its error in these words.</summary>
    public static async Task<T> ToldAsync<T>(Task<T> reading)
    {
        try { return await reading; }
        catch (WharfException error) when (error.Kind == ErrorKind.InvalidArgument && error.Message.StartsWith(Mark, StringComparison.Ordinal)) { throw WharfException.Invalid(Words(error), error); }
    }

    public static Task ToldAsync(Task reading) => ToldAsync(WithResultAsync(reading));

    private static async Task<bool> WithResultAsync(Task reading)
    {
        await reading;
        return true;
    }
}
