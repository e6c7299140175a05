using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Wharf.Daemon.Http;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>Images on their way in and out.</summary>
public static partial class ImagesApi
{
    /// <summary><c>POST /images/create</c>: a pull, or with <c>fromSrc</c> an import.</summary>
    private static async Task CreateAsync(ApiContext context)
    {
        if (context.Query("fromSrc") is { Length: > 0 } source)
        {
            await ImportAsync(context, source);
            return;
        }
        var name = context.Query("fromImage") is { Length: > 0 } image ? image : throw WharfException.Invalid("neither fromImage nor fromSrc is given");
        var tag = context.Query("tag");
        if (tag is { Length: > 0 }) name += tag.Contains(':') ? "@" + tag : ":" + tag;
        ImageReference.Parse(name);
        await StreamAsync(context, progress => context.Engine.Images.PullAsync(name, PlatformOf(context), AuthOf(context), progress, context.Cancellation));
    }

    private static async Task ImportAsync(ApiContext context, string source)
    {
        if (source != "-") throw WharfException.NotImplemented("importing from a URL is not supported: fetch it and import the file");
        var repository = context.Query("repo");
        var tag = context.Query("tag");
        var options = new ImportOptions
        {
            Reference = repository is { Length: > 0 } && tag is { Length: > 0 } ? $"{repository}:{tag}" : repository,
            Message = context.Query("message"),
            Changes = context.QueryAll("changes"),
            Platform = PlatformOf(context),
        };
        await StreamAsync(context, async progress =>
        {
            var image = await context.Engine.Images.ImportAsync(context.Http.Request.Body, options, context.Cancellation);
            progress.Report(new JsonMessage { Status = image.Id.ToString() });
        });
    }

    private static Task LoadAsync(ApiContext context) =>
        StreamAsync(context, progress => context.Engine.Images.LoadAsync(context.Http.Request.Body, progress, context.Cancellation));

    private static async Task SaveAsync(ApiContext context)
    {
        var names = context.QueryAll("names").Where(name => name.Length > 0).ToList();
        if (names.Count == 0) names = context.Http.Request.Path.Value!.Contains("/images/get", StringComparison.Ordinal) ? throw WharfException.Invalid("no image names given") : [context.Route("name")];
        // Told before the first byte is sent: afterwards there is no status to tell it with.
        foreach (var name in names)
            if (!ImageReference.TryParse(name, out var reference) || reference.Tag is not null || reference.Digest is not null) await context.Engine.Images.GetAsync(name, PlatformOf(context), context.Cancellation);
        context.Http.Response.ContentType = "application/x-tar";
        await context.Engine.Images.SaveAsync(names, context.Http.Response.Body, context.Cancellation);
    }

    private static Task PushAsync(ApiContext context) => StreamAsync(context, progress =>
        context.Engine.Images.PushAsync(context.Route("name"), context.Query("tag"), all: string.IsNullOrEmpty(context.Query("tag")), AuthOf(context), progress, context.Cancellation));

    /// <summary>Credentials of the X-Registry-Auth header: base64url JSON.</summary>
    private static AuthConfig? AuthOf(ApiContext context)
    {
        if (context.Http.Request.Headers["X-Registry-Auth"].ToString() is not { Length: > 0 } header) return null;
        try
        {
            var json = Base64Url.DecodeFromChars(header.Replace('+', '-').Replace('/', '_').TrimEnd('='));
            return json.Length == 0 || json is [(byte)'n', (byte)'u', (byte)'l', (byte)'l'] ? null : JsonSerializer.Deserialize(json, DockerApiJson.Default.AuthConfig);
        }
        catch (Exception error) when (error is FormatException or JsonException)
        {
            throw WharfException.Invalid("invalid X-Registry-Auth header: not base64url-encoded JSON", error);
        }
    }

    /// <summary>Streams progress while <paramref name="work"/> runs. An error before the first message is an HTTP status, a later one the last message.</summary>
    internal static async Task StreamAsync(ApiContext context, Func<IProgress<JsonMessage>, Task> work)
    {
        var messages = Channel.CreateUnbounded<JsonMessage>(new UnboundedChannelOptions { SingleReader = true });
        var working = RunAsync(work, messages.Writer);
        JsonLines? lines = null;
        await foreach (var message in messages.Reader.ReadAllAsync(CancellationToken.None))
        {
            lines ??= context.StartJsonLines();
            await lines.WriteAsync(message, JsonMessageJson.Default.JsonMessage);
        }
        try
        {
            await working;
            if (lines is null) await context.EmptyAsync(200);
        }
        catch (Exception error) when (lines is not null && !context.Cancellation.IsCancellationRequested)
        {
            await lines.WriteAsync(new JsonMessage { ErrorDetail = new ErrorDetail { Message = error.Message }, Error = error.Message }, JsonMessageJson.Default.JsonMessage);
        }
    }

    private static async Task RunAsync(Func<IProgress<JsonMessage>, Task> work, ChannelWriter<JsonMessage> messages)
    {
        try { await work(new ChannelProgress(messages)); }
        finally { messages.Complete(); }
    }

    private sealed class ChannelProgress(ChannelWriter<JsonMessage> messages) : IProgress<JsonMessage>
    {
        public void Report(JsonMessage value) => messages.TryWrite(value);
    }
}
