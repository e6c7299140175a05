using System.Text;
using Wharf.Daemon.Http;
using Wharf.Engine.Containers;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

public static partial class ContainersApi
{
    private static void MapLifeCycle(ApiRouter router)
    {
        router.Post("/containers/{id*}/start", StartAsync);
        router.Post("/containers/{id*}/stop", context => StopAsync(context, context.Engine.Containers.StopAsync));
        router.Post("/containers/{id*}/restart", context => StopAsync(context, context.Engine.Containers.RestartAsync));
        router.Post("/containers/{id*}/kill", KillAsync);
        router.Post("/containers/{id*}/pause", PauseAsync);
        router.Post("/containers/{id*}/unpause", UnpauseAsync);
        router.Post("/containers/{id*}/rename", RenameAsync);
        router.Post("/containers/{id*}/update", UpdateAsync);
        router.Post("/containers/{id*}/wait", WaitAsync);
        router.Post("/containers/{id*}/resize", ResizeAsync);
        router.Get("/containers/{id*}/top", TopAsync);
        router.Get("/containers/{id*}/checkpoints", RefuseCheckpointAsync);
        router.Post("/containers/{id*}/checkpoints", RefuseCheckpointAsync);
        router.Delete("/containers/{id*}/checkpoints/{checkpoint}", RefuseCheckpointAsync);
    }

    private static async Task StartAsync(ApiContext context)
    {
        // Seven bytes and more: older clients sent "{}" and line ends.
        if (context.Http.Request.ContentLength > 7 || context.Http.Request.Headers.TransferEncoding.Count > 0 && await context.Http.Request.Body.ReadAsync(new byte[1], context.Cancellation) > 0)
            throw WharfException.Invalid("starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
        // What a client asks for must not be passed over in silence: the container would start anew in place of going on.
        if (context.Query("checkpoint-dir") is { Length: > 0 }) throw new WharfException(ErrorKind.Forbidden, "custom checkpointdir is not supported");
        if (context.Query("checkpoint") is { Length: > 0 }) throw WharfException.Invalid("checkpoint is only supported in experimental mode");
        await context.Engine.Containers.StartAsync(context.Route("id"), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static Task RefuseCheckpointAsync(ApiContext context)
        => throw WharfException.NotImplemented("This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.");

    private static async Task StopAsync(ApiContext context, Func<string, string?, int?, CancellationToken, Task> stop)
    {
        long? seconds = null;
        if (context.Query("t") is { Length: > 0 } text)
            // docker's own words and status for it.
            seconds = long.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out long given) ? given
                : throw WharfException.Invalid($"strconv.Atoi: parsing \"{text}\": invalid syntax");
        await stop(context.Route("id"), context.Query("signal"), seconds is { } value ? (int)Math.Clamp(value, -1, int.MaxValue / 1000) : null, context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task KillAsync(ApiContext context)
    {
        await context.Engine.Containers.KillAsync(context.Route("id"), context.Query("signal"), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task PauseAsync(ApiContext context)
    {
        await context.Engine.Containers.PauseAsync(context.Route("id"), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task UnpauseAsync(ApiContext context)
    {
        await context.Engine.Containers.UnpauseAsync(context.Route("id"), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task RenameAsync(ApiContext context)
    {
        await context.Engine.Containers.RenameAsync(context.Route("id"), context.Query("name") ?? "", context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task UpdateAsync(ApiContext context)
    {
        var request = await context.ReadJsonAsync(DockerApiJson.Default.ContainerUpdateRequest);
        VersionedRequests.Update(context.Version, request);
        var warnings = await context.Engine.Containers.UpdateAsync(context.Route("id"), request, context.Cancellation);
        await context.WriteJsonAsync(200, new ContainerUpdateResponse { Warnings = warnings }, DockerApiJson.Default.ContainerUpdateResponse);
    }

    private static readonly ApiVersion ConditionsSince = new(1, 30);

    /// <summary>The head is sent at once, so that a client knows its wait is registered before it starts the container; the body comes with the exit.</summary>
    private static async Task WaitAsync(ApiContext context)
    {
        var condition = (context.Version < ConditionsSince ? null : context.Query("condition")) switch
        {
            null or "" or "not-running" => WaitCondition.NotRunning,
            "next-exit" => WaitCondition.NextExit,
            "removed" => WaitCondition.Removed,
            var other => throw WharfException.Invalid($"invalid condition: \"{other}\""),
        };
        var exit = context.Engine.Containers.WaitAsync(context.Route("id"), condition, context.Cancellation);
        // What is wrong with the request shows at once, while it can still be told by a status.
        if (exit.IsFaulted) await exit;
        var response = context.Http.Response;
        response.ContentType = "application/json";
        await response.Body.FlushAsync(context.Cancellation);
        var bytes = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(await exit, DockerApiJson.Default.ContainerWaitResponse);
        await response.Body.WriteAsync((byte[])[.. bytes, (byte)'\n'], context.Cancellation);
    }

    private static async Task ResizeAsync(ApiContext context)
    {
        var (height, width) = ReadSize(context);
        await context.Engine.Containers.ResizeAsync(context.Route("id"), height, width, context.Cancellation);
        await context.EmptyAsync(200);
    }

    internal static (uint Height, uint Width) ReadSize(ApiContext context)
    {
        return (ReadSide(context.Query("h") ?? "", "height"), ReadSide(context.Query("w") ?? "", "width"));
    }

    private static uint ReadSide(string text, string what)
    {
        if (uint.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out uint side)) return side;
        bool number = text.TrimStart('-') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit);
        throw WharfException.Invalid($"invalid resize {what} \"{text}\": {(number ? "value out of range" : "invalid syntax")}");
    }

    private static async Task TopAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Containers.TopAsync(context.Route("id"), context.Query("ps_args"), context.Cancellation), DockerApiJson.Default.ContainerTopResponse);
}
