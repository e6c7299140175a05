using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Http;
using Wharf.Engine.Archive;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

public static partial class ContainersApi
{
    private static void MapFiles(ApiRouter router)
    {
        router.Head("/containers/{id*}/archive", StatArchiveAsync);
        router.Get("/containers/{id*}/archive", GetArchiveAsync);
        router.Put("/containers/{id*}/archive", PutArchiveAsync);
        router.Get("/containers/{id*}/export", ExportAsync);
        router.Get("/containers/{id*}/changes", ChangesAsync);
    }

    private static async Task StatArchiveAsync(ApiContext context)
    {
        SetStat(context, await context.Engine.Containers.StatPathAsync(context.Route("id"), RequirePath(context), context.Cancellation));
        await context.EmptyAsync(200);
    }

    private static Task GetArchiveAsync(ApiContext context) =>
        context.Engine.Containers.ReadArchiveAsync(context.Route("id"), RequirePath(context), stat =>
        {
            SetStat(context, stat);
            return StartTar(context);
        }, context.Cancellation);

    private static async Task PutArchiveAsync(ApiContext context)
    {
        var options = new ArchiveExtractOptions
        {
            NoOverwriteDirNonDir = context.QueryBool("noOverwriteDirNonDir"),
            CopyUidGid = context.QueryBool("copyUIDGID"),
        };
        await context.Engine.Containers.WriteArchiveAsync(context.Route("id"), RequirePath(context), context.Http.Request.Body, options, context.Cancellation);
        await context.EmptyAsync(200);
    }

    private static Task ExportAsync(ApiContext context) => context.Engine.Containers.ExportAsync(context.Route("id"), () => StartTar(context, "application/octet-stream"), context.Cancellation);

    private static async Task ChangesAsync(ApiContext context)
    {
        var changes = context.Engine.Containers.Changes(context.Route("id"));
        await context.WriteJsonAsync(200, changes!, DockerApiJson.Default.ListFilesystemChange);
    }

    private static Stream StartTar(ApiContext context, string type = "application/x-tar")
    {
        context.Http.Response.StatusCode = 200;
        context.Http.Response.ContentType = type;
        return context.Http.Response.Body;
    }

    private static string RequirePath(ApiContext context) =>
        context.Query("path") is { Length: > 0 } path ? path : throw WharfException.Invalid("bad parameter: pathcannot be empty");

    private static void SetStat(ApiContext context, ArchiveStat stat)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(stat, ArchiveStatJson.Default.ArchiveStat);
        context.Http.Response.Headers["X-Docker-Container-Path-Stat"] = Convert.ToBase64String(json);
    }
}

/// <summary>The stat header's JSON.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ArchiveStat))]
internal sealed partial class ArchiveStatJson : JsonSerializerContext;
