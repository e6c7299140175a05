namespace Wharf.Cli;

/// <summary>How the command line reads and writes images as directories and archives: given by the program, as the code for it is the registry's.</summary>
/// <param name="ToArchive">Writes the image of a place as an archive: place, file, platform.</param>
/// <param name="FromArchive">Puts an image of an archive into a place: archive, the image's name, place. Gives a line to tell.</param>
public sealed record ImageTransports(Func<string, string, string, CancellationToken, Task> ToArchive, Func<Stream, string, string, CancellationToken, Task<string>> FromArchive);
