using Wharf.Daemon.Http;
using Wharf.Engine.Artifacts;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>OCI artifacts (Wharf's own).</summary>
public static class ArtifactsApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/wharf/artifacts", async context => await context.WriteJsonAsync(200, await context.Engine.Artifacts.ListAsync(context.Cancellation), WharfJson.Default.ListArtifact));
        router.Post("/wharf/artifacts", AddAsync);
        router.Get("/wharf/artifacts/{name*}/json", async context => await context.WriteJsonAsync(200, await context.Engine.Artifacts.GetAsync(context.Route("name"), context.Cancellation), WharfJson.Default.Artifact));
        router.Get("/wharf/artifacts/{name*}/blobs/{digest}", ReadAsync);
        router.Post("/wharf/artifacts/{name*}/pull", context => ImagesApi.StreamAsync(context, progress => context.Engine.Artifacts.PullAsync(context.Route("name"), RegistryHeaders.Auth(context), progress, context.Cancellation)));
        router.Post("/wharf/artifacts/{name*}/push", context => ImagesApi.StreamAsync(context, progress => context.Engine.Artifacts.PushAsync(context.Route("name"), context.Query("destination"), context.QueryBool("byDigest"), RegistryHeaders.Auth(context), progress, context.Cancellation)));
        router.Delete("/wharf/artifacts/{name*}", async context =>
            await context.WriteJsonAsync(200, new ArtifactRemoval { Digest = (await context.Engine.Artifacts.RemoveAsync(context.Route("name"), context.Cancellation)).ToString() }, WharfJson.Default.ArtifactRemoval));
    }

    /// <summary>The body is a tar of files.</summary>
    private static async Task AddAsync(ApiContext context)
    {
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in context.QueryAll("annotation"))
        {
            int at = text.IndexOf('=');
            if (at < 1) throw WharfException.Invalid($"bad parameter: annotation must be key=value, not \"{text}\"");
            annotations[text[..at]] = text[(at + 1)..];
        }
        var options = new ArtifactAddOptions
        {
            Name = context.Query("name") ?? "",
            Type = context.Query("type") ?? "",
            FileType = context.Query("fileType") ?? "",
            Annotations = annotations,
            Subject = context.Query("subject") ?? "",
            Append = context.QueryBool("append"),
            Replace = context.QueryBool("replace"),
        };
        await context.WriteJsonAsync(201, await context.Engine.Artifacts.AddAsync(options, RegistryHeaders.Auth(context), context.Http.Request.Body, context.Cancellation), WharfJson.Default.Artifact);
    }

    private static async Task ReadAsync(ApiContext context)
    {
        if (!Digest.TryParse(context.Route("digest"), out var digest)) throw WharfException.Invalid($"bad parameter: \"{context.Route("digest")}\" is no digest");
        var (content, size) = await context.Engine.Artifacts.OpenAsync(context.Route("name"), digest, context.Cancellation);
        await using var owner = content;
        context.Http.Response.ContentType = "application/octet-stream";
        context.Http.Response.ContentLength = size;
        await content.CopyToAsync(context.Http.Response.Body, context.Cancellation);
    }
}
