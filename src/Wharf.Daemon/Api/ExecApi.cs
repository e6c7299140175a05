using System.Buffers.Binary;
using System.Text;
using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Api;

/// <summary>Further processes in running containers.</summary>
public static class ExecApi
{
    private static readonly ApiVersion MultiplexedSince = new(1, 42);

    public static void Map(ApiRouter router)
    {
        router.Post("/containers/{id}/exec", CreateAsync);
        router.Post("/exec/{id}/start", StartAsync);
        router.Post("/exec/{id}/resize", ResizeAsync);
        router.Get("/exec/{id}/json", context => context.WriteJsonAsync(200, context.Engine.Containers.InspectExec(context.Route("id")), DockerApiJson.Default.ExecInspectResponse));
    }

    private static async Task CreateAsync(ApiContext context)
    {
        var config = await context.ReadJsonAsync(DockerApiJson.Default.ExecConfig);
        if (config.Cmd is not { Count: > 0 }) throw Specs.Errors.WharfException.Invalid("No exec command specified"); // before it is looked whether there is a container
        var id = await context.Engine.Containers.CreateExecAsync(context.Route("id"), config, context.Cancellation);
        await context.WriteJsonAsync(201, new IdResponse { Id = id }, DockerApiJson.Default.IdResponse);
    }

    private static async Task StartAsync(ApiContext context)
    {
        HijackedConnection.Prepare(context);
        var (containers, id) = (context.Engine.Containers, context.Route("id"));
        var request = await context.TryReadJsonAsync(DockerApiJson.Default.ExecStartConfig) ?? new ExecStartConfig();
        containers.BeginExec(id);
        if (request.Detach == true)
        {
            await containers.StartExecAsync(id, attach: false, null, context.Cancellation);
            await context.EmptyAsync(200);
            return;
        }
        var (terminal, keys) = containers.DescribeExec(id);
        // A client that does not say at the start that there is a terminal gets frames, as from docker.
        bool raw = request.Tty ?? false;
        await using var client = await HijackAsync(context, id, raw || context.Version < MultiplexedSince ? ContainersApi.RawStream : ContainersApi.MultiplexedStream);
        try
        {
            await using var streams = await containers.StartExecAsync(id, attach: true, request.ConsoleSize, context.Cancellation);
            var end = await StreamRelay.RunAsync(client, streams!, stdin: true, terminal ? DetachKeys.Parse(keys ?? "") : null,
                terminal == raw ? null : terminal ? new FramingStream(client.Output) : new UnframingStream(client.Output));
            // Clients ask for the exit code as soon as the stream ends, and the stream may be faster than the news of the exit.
            if (end is RelayEnd.ProcessEnded) await containers.WaitExecAsync(id, context.Cancellation);
        }
        catch (Exception error) when (error is Engine.Shims.ShimException or Specs.Errors.WharfException)
        {
            // The answer has begun: the error is told in the stream, and by the exit code of inspect.
            await client.TellAsync(Describe(error.Message + "\r\n", raw));
        }
    }

    private static async Task<HijackedConnection> HijackAsync(ApiContext context, string execId, string contentType)
    {
        try { return await HijackedConnection.HijackAsync(context, contentType); }
        catch
        {
            context.Engine.Containers.AbandonExec(execId);
            throw;
        }
    }

    private static byte[] Describe(string message, bool raw)
    {
        var text = Encoding.UTF8.GetBytes(message);
        if (raw) return text;
        var frame = new byte[8 + text.Length];
        frame[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), text.Length);
        text.CopyTo(frame, 8);
        return frame;
    }

    private static async Task ResizeAsync(ApiContext context)
    {
        var (height, width) = ContainersApi.ReadSize(context);
        await context.Engine.Containers.ResizeExecAsync(context.Route("id"), height, width, context.Cancellation);
        await context.EmptyAsync(200);
    }
}
