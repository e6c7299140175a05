using System.Diagnostics;
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
        var platform = NamedPlatform(context);
        var auth = RegistryHeaders.Auth(context);
        var reference = WithTag(name, context.Query("tag"));
        if (reference.Tag is null && reference.Digest is null) await StreamAsync(context, progress => context.Engine.Images.PullAllAsync(reference.Familiar, platform, auth, progress, context.Cancellation));
        else await StreamAsync(context, progress => context.Engine.Images.PullAsync(reference.Familiar, platform, auth, progress, context.Cancellation));
    }

    /// <summary>The <c>tag</c> parameter is a tag or a digest, and goes before what the name itself says.</summary>
    private static ImageReference WithTag(string name, string? tag)
    {
        var reference = ImageReference.Parse(name);
        if (string.IsNullOrEmpty(tag)) return reference;
        return Digest.TryParse(tag, out var digest) ? reference.WithDigest(digest) : ImageReference.FromParts(name, tag)!;
    }

    private static async Task ImportAsync(ApiContext context, string source)
    {
        var platform = context.Version >= NamedPlatformsSince && context.Query("platform") is { Length: > 0 } named ? PlatformSpecifier.Parse(named) : null;
        var options = new ImportOptions
        {
            Reference = ImageReference.FromParts(context.Query("repo"), context.Query("tag"))?.Familiar,
            Message = context.Query("message"),
            Changes = [.. context.QueryAll("changes")],
            Platform = platform,
            Source = source,
        };
        await StreamAsync(context, async progress =>
        {
            var image = await BrokenArchive.ToldAsync(source == "-" ? context.Engine.Images.ImportAsync(context.Http.Request.Body, options, context.Cancellation)
                : context.Engine.Images.ImportFromUrlAsync(source, options, progress, context.Cancellation));
            progress.Report(new JsonMessage { Status = image.Id.ToString() });
        });
    }

    private static Task LoadAsync(ApiContext context)
    {
        var options = new LoadOptions { Quiet = context.QueryBool("quiet", absent: true), Platforms = JsonPlatforms(context) };
        return StreamAsync(context, progress => BrokenArchive.ToldAsync(context.Engine.Images.LoadAsync(context.Http.Request.Body, options, progress, context.Cancellation)), alwaysOk: true);
    }

    private static async Task SaveAsync(ApiContext context)
    {
        var names = context.QueryAll("names").Where(name => name.Length > 0).ToList();
        if (!context.Http.Request.Path.Value!.EndsWith("/images/get", StringComparison.Ordinal)) names = [context.Route("name")];
        // Told before the first byte is sent: afterwards there is no status to tell it with.
        var images = await context.Engine.Images.SelectAsync(names, JsonPlatforms(context), context.Cancellation);
        context.Http.Response.ContentType = "application/x-tar";
        await context.Engine.Images.SaveAsync(images, context.Http.Response.Body, context.Cancellation);
    }

    private static async Task PushAsync(ApiContext context)
    {
        var auth = RegistryHeaders.Auth(context);
        var (name, tag, platform) = (context.Route("name"), context.Query("tag"), JsonPlatforms(context, since: new(1, 46)).FirstOrDefault());
        var reference = ImageService.PushName(name, tag);
        // With a platform, what is not there is told by the status, also of a push of all tags; without one, in the stream.
        if (platform is not null) await context.Engine.Images.GetAsync(reference.Familiar, platform, context.Cancellation);
        await StreamAsync(context, progress => context.Engine.Images.PushAsync(name, tag, platform, auth, progress, context.Cancellation));
    }

    private static readonly TimeSpan SendEvery = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// Streams progress while <paramref name="work"/> runs. An error before the first message is an HTTP status (unless the operation always
    /// answers 200), a later one the last message.
    /// </summary>
    internal static async Task StreamAsync(ApiContext context, Func<IProgress<JsonMessage>, Task> work, bool alwaysOk = false)
    {
        var messages = Channel.CreateUnbounded<JsonMessage>(new UnboundedChannelOptions { SingleReader = true });
        var working = RunAsync(work, messages.Writer);
        JsonLines? lines = null;
        var together = new List<JsonMessage>();
        long sent = 0;
        while (await messages.Reader.WaitToReadAsync(CancellationToken.None))
        {
            // What comes in quick succession goes out together: each send costs more than most steps of a build that is all cached.
            if (lines is not null && Stopwatch.GetElapsedTime(sent) < SendEvery) await Task.WhenAny(working, Task.Delay(SendEvery, CancellationToken.None));
            together.Clear();
            while (messages.Reader.TryRead(out var message)) together.Add(message);
            lines ??= context.StartJsonLines();
            sent = Stopwatch.GetTimestamp();
            try { await lines.WriteAsync(together, JsonMessageJson.Default.JsonMessage); }
            catch (Exception error) when (context.Cancellation.IsCancellationRequested && error is IOException or OperationCanceledException) { /* the client is gone; the work is told so by its token */ }
        }
        try
        {
            await working;
            if (lines is null) await context.EmptyAsync(200);
        }
        catch (Exception error) when ((lines is not null || alwaysOk) && !context.Cancellation.IsCancellationRequested)
        {
            lines ??= context.StartJsonLines();
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

    private static readonly ApiVersion NamedPlatformsSince = new(1, 32);

    /// <summary>The platform of pull and import: <c>os[/arch[/variant]]</c>.</summary>
    private static Platform? NamedPlatform(ApiContext context) => context.Version >= NamedPlatformsSince && context.Query("platform") is { Length: > 0 } text ? Platforms.Parse(text) : null;

    /// <summary>The platforms of save, load, push, inspect and history: JSON each, several where the operation allows.</summary>
    internal static List<Platform> JsonPlatforms(ApiContext context, string parameter = "platform", ApiVersion? since = null)
    {
        var platforms = new List<Platform>();
        // What a version of the API does not have yet, it does not read.
        if (context.Version < (since ?? new ApiVersion(1, 48))) return platforms;
        foreach (var text in context.QueryAll(parameter).Where(text => text.Length > 0))
        {
            try { platforms.Add(JsonSerializer.Deserialize(text, DockerApiJson.Default.Platform) ?? new Platform()); }
            catch (JsonException error) { throw WharfException.Invalid($"failed to parse platform: {JsonBody.Describe(System.Text.Encoding.UTF8.GetBytes(text), error, "v1.Platform")}"); }
            if (platforms[^1] is { Os: null or "" } or { Architecture: null or "" }) throw WharfException.Invalid("both OS and Architecture must be provided");
        }
        return platforms;
    }
}
