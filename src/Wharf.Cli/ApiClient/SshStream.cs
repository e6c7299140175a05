using System.ComponentModel;
using System.Diagnostics;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.ApiClient;

/// <summary>A connection to a daemon on another machine: the stdin and stdout of <c>system dial-stdio</c> there, started by ssh(1).</summary>
internal sealed class SshStream : Stream
{
    /// <summary>Wharf's own, or docker's where only docker is.</summary>
    private const string Remote = "command -v wharf >/dev/null 2>&1 && exec wharf system dial-stdio || exec docker system dial-stdio";
    private readonly Process process;

    private SshStream(Process process) => this.process = process;

    public static SshStream Start(IReadOnlyList<string> target)
    {
        var start = new ProcessStartInfo("ssh", ["-o", "ConnectTimeout=30", "-T", .. target, $"sh -c '{Remote}'"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        try
        {
            return new SshStream(Process.Start(start) ?? throw new CliException("ssh did not start"));
        }
        catch (Win32Exception e)
        {
            throw new ConnectException("exec: \"ssh\": executable file not found in $PATH", e);
        }
    }

    public void CloseInput() => process.StandardInput.Close();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => process.StandardOutput.BaseStream.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var input = process.StandardInput.BaseStream;
        await input.WriteAsync(buffer, cancellationToken);
        await input.FlushAsync(cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // The end of its stdin ends ssh; one that hangs is ended, for nobody would read it.
            try { process.StandardInput.Close(); }
            catch (IOException) { /* it has gone */ }
            if (!process.WaitForExit(TimeSpan.FromSeconds(1))) process.Kill();
            process.Dispose();
        }
        base.Dispose(disposing);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() { }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("read asynchronously");
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("write asynchronously");
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
