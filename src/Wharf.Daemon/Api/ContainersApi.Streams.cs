using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

public static partial class ContainersApi
{
    internal const string RawStream = "application/vnd.docker.raw-stream";
    internal const string MultiplexedStream = "application/vnd.docker.multiplexed-stream";
    private static readonly ApiVersion MultiplexedSince = new(1, 42);

    private static void MapStreams(ApiRouter router)
    {
        router.Post("/containers/{id*}/attach", AttachAsync);
        router.Get("/containers/{id*}/attach/ws", AttachWebSocketAsync);
        router.Get("/containers/{id*}/logs", LogsAsync);
        router.Get("/containers/{id*}/stats", StatsAsync);
    }

    /// <summary>Since API 1.42 the type tells frames from raw bytes; before it was always raw.</summary>
    internal static string StreamType(ApiContext context, bool terminal) => terminal || context.Version < MultiplexedSince ? RawStream : MultiplexedStream;

    private static async Task AttachAsync(ApiContext context)
    {
        HijackedConnection.Prepare(context);
        var (containers, id) = (context.Engine.Containers, context.Route("id"));
        bool terminal, stdin = context.QueryBool("stdin");
        byte[] keys;
        AttachedStream? attached;
        try
        {
            terminal = containers.HasTerminal(id);
            keys = ReadDetachKeys(context);
            attached = Streams(context) ? await containers.AttachAsync(id, stdin, context.QueryBool("stdout"), context.QueryBool("stderr"), context.Cancellation) : null;
        }
        catch (WharfException error)
        {
            await HijackedConnection.RefuseAsync(context, error);
            return;
        }
        await using var streams = attached;
        await using var client = await HijackedConnection.HijackAsync(context, StreamType(context, terminal));
        if (context.QueryBool("logs"))
        {
            var past = new ContainerLogOptions { Stdout = context.QueryBool("stdout"), Stderr = context.QueryBool("stderr") };
            await containers.CopyLogsAsync(id, past, _ => Task.FromResult(client.Output), context.Cancellation);
        }
        if (streams is null) return;
        if (await StreamRelay.RunAsync(client, streams, stdin, terminal ? keys : null, endsWithInput: containers.InputStaysOpen(id)) is RelayEnd.Detached) containers.Detached(id);
    }

    /// <summary>Who asks for a stream and for none of the three has seen all of it at once.</summary>
    private static bool Streams(ApiContext context) => context.QueryBool("stream") && (context.QueryBool("stdin") || context.QueryBool("stdout") || context.QueryBool("stderr"));

    private static byte[] ReadDetachKeys(ApiContext context)
    {
        var text = context.Query("detachKeys") ?? "";
        try { return DetachKeys.Parse(text); }
        catch (WharfException error) { throw WharfException.Invalid($"Invalid detach keys ({text}) provided", error); }
    }

    private static Task LogsAsync(ApiContext context)
    {
        if (!context.QueryBool("stdout") && !context.QueryBool("stderr")) throw WharfException.Invalid("Bad parameters: you must choose at least one stream");
        context.Engine.Containers.HasTerminal(context.Route("id")); // that it is there comes before what else is asked
        var options = new ContainerLogOptions
        {
            Stdout = context.QueryBool("stdout"),
            Stderr = context.QueryBool("stderr"),
            Follow = context.QueryBool("follow"),
            Timestamps = context.QueryBool("timestamps"),
            Details = context.QueryBool("details"),
            Tail = context.Query("tail") is { Length: > 0 } tail && int.TryParse(tail, NumberStyles.None, CultureInfo.InvariantCulture, out int lines) ? lines : null,
            // Clients write 0 for "not set".
            Since = ParseLogTime(context, "since") is { } since and not 0 ? since : null,
            Until = ParseLogTime(context, "until") is { } until and not 0 ? until : null,
        };
        return context.Engine.Containers.CopyLogsAsync(context.Route("id"), options, async terminal =>
        {
            context.Http.Response.ContentType = StreamType(context, terminal);
            await context.Http.Response.Body.FlushAsync(context.Cancellation);
            return context.Http.Response.Body;
        }, context.Cancellation);
    }

    private static readonly ApiVersion BinaryFramesSince = new(1, 28);

    private static async Task AttachWebSocketAsync(ApiContext context)
    {
        var (containers, id) = (context.Engine.Containers, context.Route("id"));
        bool terminal = containers.HasTerminal(id);
        var keys = ReadDetachKeys(context);
        WebSocketUpgrade.Require(context);
        HijackedConnection.Prepare(context);
        bool stdin = context.QueryBool("stdin");
        await using var streams = Streams(context)
            ? await containers.AttachAsync(id, stdin, context.QueryBool("stdout"), context.QueryBool("stderr"), context.Cancellation) : null;
        var (socket, connection) = await WebSocketUpgrade.AcceptAsync(context);
        await using var taken = connection;
        using var client = socket;
        var type = context.Version < BinaryFramesSince ? System.Net.WebSockets.WebSocketMessageType.Text : System.Net.WebSockets.WebSocketMessageType.Binary;
        if (context.QueryBool("logs"))
        {
            using var past = new MemoryStream();
            var options = new ContainerLogOptions { Stdout = context.QueryBool("stdout"), Stderr = context.QueryBool("stderr"), Raw = true };
            await containers.CopyLogsAsync(id, options, _ => Task.FromResult<Stream>(past), context.Cancellation);
            await client.SendAsync(past.GetBuffer().AsMemory(0, (int)past.Length), type, endOfMessage: true, context.Cancellation);
        }
        if (streams is null) return;
        if (await WebSocketRelay.RunAsync(client, streams, framed: !terminal, type, stdin, terminal ? keys : null)) containers.Detached(id);
    }

    // A time that is none is an error of the server's in docker, and its clients' tests know it so.
    private static long? ParseLogTime(ApiContext context, string name)
    {
        try { return EventsApi.ParseTime(context.Query(name), name); }
        catch (WharfException error) { throw WharfException.Invalid($"strconv.ParseInt: parsing \"{context.Query(name)}\": invalid syntax", error); }
    }

    private static readonly ApiVersion OneShotSince = new(1, 41);

    private static async Task StatsAsync(ApiContext context)
    {
        bool stream = context.QueryBool("stream", absent: true);
        var samples = context.Engine.Containers.StatsAsync(context.Route("id"), stream, context.Version >= OneShotSince && context.QueryBool("one-shot"), context.Cancellation);
        JsonLines? lines = null;
        await foreach (var sample in samples)
        {
            lines ??= context.StartJsonLines();
            await lines.WriteAsync(sample, DockerApiJson.Default.ContainerStatsResponse);
        }
    }
}
