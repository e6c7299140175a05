using System.Text;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary>The file of <c>--cidfile</c>: there before the container is, and gone again when none was made.</summary>
internal sealed class IdFile : IDisposable
{
    private readonly FileStream stream;
    private bool isWritten;

    private IdFile(FileStream stream) => this.stream = stream;

    public static IdFile Open(string path)
    {
        try
        {
            return new IdFile(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var (reason, exitCode) = e switch
            {
                DirectoryNotFoundException or FileNotFoundException => ("no such file or directory", 127),
                UnauthorizedAccessException => ("permission denied", 126),
                _ => (e.Message, 125),
            };
            throw new CliException($"failed to create the container ID file: open {path}: {reason}", exitCode, e);
        }
    }

    public async Task WriteAsync(string id, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(id), cancellationToken);
        isWritten = true;
    }

    public void Dispose()
    {
        stream.Dispose();
        if (!isWritten) File.Delete(stream.Name);
    }
}
