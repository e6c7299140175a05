using System.Text;
using Wharf.Cli.ApiClient;
using Wharf.Cli.Output;

namespace Wharf.Cli;

/// <summary>What a command works with: the streams, the configuration and the daemon.</summary>
internal sealed class CliContext : IAsyncDisposable
{
    public const string Program = "wharf";
    public const string UserAgent = "Wharf-Client/0.1.0 (linux)";
    private readonly Lazy<DockerClient> client;

    public CliContext(GlobalOptions options, Stream input, Stream output, Stream error)
    {
        Options = options;
        InputStream = input;
        OutputStream = output;
        ErrorStream = error;
        Out = Writer(output);
        Error = Writer(error);
        client = new Lazy<DockerClient>(options.CreateClient);
    }

    public GlobalOptions Options { get; }
    public Stream InputStream { get; }
    public Stream OutputStream { get; }
    public Stream ErrorStream { get; }
    public TextWriter Out { get; }
    public TextWriter Error { get; }
    public DockerClient Api => client.Value;
    public ConfigFile Config => Options.Config;

    /// <summary>Images as directories and archives; set by the program.</summary>
    public ImageTransports Transports { get => field ?? throw new InvalidOperationException("no transports were given"); init; }

    /// <summary>On the process's own stdin, stdout and stderr, which stay open when it is disposed.</summary>
    public static CliContext OfProcess(GlobalOptions options, ImageTransports? transports = null)
        => new(options, new DescriptorStream(0, isInput: true), new DescriptorStream(1, isInput: false), new DescriptorStream(2, isInput: false)) { Transports = transports! };

    private static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), 4096, leaveOpen: true) { AutoFlush = true, NewLine = "\n" };

    public async ValueTask DisposeAsync()
    {
        if (client.IsValueCreated) await client.Value.DisposeAsync();
    }
}
