using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Wharf.Daemon.Hosting;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>What docker has not got: comparing any two file systems, versions of containers, checking the store, collecting images, the disk's ledger, what a log takes, health checks by hand, streams of clients for containers to write to.</summary>
public static class WharfApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/wharf/diff", DiffAsync);
        router.Get("/wharf/containers/{id}/versions", context =>
            context.WriteJsonAsync(200, context.Engine.Containers.ListVersions(context.Route("id")), WharfJson.Default.ListContainerVersion));
        router.Post("/wharf/containers/{id}/versions", SaveVersionAsync);
        router.Delete("/wharf/containers/{id}/versions/{version}", RemoveVersionAsync);
        router.Post("/wharf/containers/{id}/rollback", RollBackAsync);
        router.Post("/wharf/images/gc", CollectImagesAsync);
        router.Post("/wharf/check", CheckAsync);
        router.Get("/wharf/disk", DiskAsync);
        router.Get("/wharf/trust", context => context.WriteJsonAsync(200, context.Engine.Images.Trust(), WharfJson.Default.TrustState));
        router.Get("/wharf/containers/{id}/log", LogUseAsync);
        router.Post("/wharf/containers/{id}/healthcheck", async context =>
            await context.WriteJsonAsync(200, await context.Engine.Containers.CheckHealthAsync(context.Route("id"), context.Cancellation), DockerApiJson.Default.HealthcheckResult));
        router.Post("/wharf/containers/{id}/streams", ExpectStreamsAsync);
        router.Get("/wharf/mounts", context => context.WriteJsonAsync(200, context.Engine.HostMounts.List(), WharfJson.Default.ListHostMount));
        router.Post("/wharf/mounts", MountAsync);
        router.Delete("/wharf/mounts", UnmountAsync);
    }

    private static async Task DiffAsync(ApiContext context)
    {
        var (from, to) = (context.Query("from") ?? "", context.Query("to") ?? "");
        if (from.Length == 0 || to.Length == 0) throw WharfException.Invalid("bad parameter: from and to must name an image or a container each");
        var before = await PathsAsync(context, from);
        var after = await PathsAsync(context, to);
        using var held = await context.Engine.Images.HoldAsync(context.Cancellation);
        var differences = await Task.Run(() => context.Engine.Snapshots.Differences(before, after, context.Cancellation), context.Cancellation);
        await context.WriteJsonAsync(200, differences, WharfJson.Default.ListFileDifference);
    }

    private static async Task MountAsync(ApiContext context)
    {
        var name = context.Query("name") ?? "";
        if (name.Length == 0) throw WharfException.Invalid("bad parameter: name must name an image or a container");
        var directories = await PathsAsync(context, name);
        var mount = context.Engine.HostMounts.Mount(name, directories, context.Query("path") is { Length: > 0 } path ? path : null);
        await context.WriteJsonAsync(201, mount, WharfJson.Default.HostMount);
    }

    private static async Task UnmountAsync(ApiContext context)
    {
        context.Engine.HostMounts.Unmount(context.Query("name") ?? "");
        await context.EmptyAsync(204);
    }

    private static async Task SaveVersionAsync(ApiContext context)
    {
        var version = await context.Engine.Containers.SaveVersionAsync(context.Route("id"), context.Query("author") ?? "", context.Query("comment") ?? "", context.Query("pause") is not ("0" or "false"), context.Cancellation);
        await context.WriteJsonAsync(201, version, WharfJson.Default.ContainerVersion);
    }

    private static async Task RollBackAsync(ApiContext context)
    {
        int? version = context.Query("version") is { Length: > 0 } text ? ParseVersion(text) : null;
        await context.WriteJsonAsync(200, await context.Engine.Containers.RollBackAsync(context.Route("id"), version, context.Cancellation), WharfJson.Default.RollbackResult);
    }

    private static async Task RemoveVersionAsync(ApiContext context)
    {
        await context.Engine.Containers.RemoveVersionAsync(context.Route("id"), ParseVersion(context.Route("version")), context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static int ParseVersion(string text) => int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number) ? number
        : throw WharfException.Invalid($"bad parameter: version must be a number, not \"{text}\"");

    /// <summary>A container by name or ID goes before an image, as with docker inspect.</summary>
    private static async Task<IReadOnlyList<string>> PathsAsync(ApiContext context, string name)
    {
        if (context.Engine.Containers.TryFindId(name) is { } id) return context.Engine.Snapshots.ContainerPaths(id);
        if (context.Engine.Containers.TryVersionPaths(name) is { } version) return version;
        try
        {
            var image = await context.Engine.Images.GetAsync(name, null, context.Cancellation);
            return context.Engine.Snapshots.LayerPaths(image.ChainId);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { throw WharfException.NotFound($"No such container or image: {name}"); }
    }

    private static async Task CheckAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Images.CheckAsync(context.QueryBool("repair"), context.Cancellation), WharfJson.Default.CheckReport);

    /// <summary>By the daemon's rules, or by those that are given.</summary>
    private static async Task CollectImagesAsync(ApiContext context)
    {
        var images = context.Engine.Images;
        var given = context.QueryAll("policy").Select(static text => ImageCollectionRule.Parse("policy", text)).ToList();
        var rules = given.Count > 0 ? given : images.CollectionRules;
        if (rules.Count == 0) throw WharfException.Conflict("there is no rule for removing images: neither images.gc of the daemon's configuration nor the request has one");
        await context.WriteJsonAsync(200, await images.CollectImagesAsync(rules, context.QueryBool("dry-run"), context.Cancellation), WharfJson.Default.ImageCollectionReport);
    }

    private static async Task LogUseAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Containers.LogUseAsync(context.Route("id"), context.Cancellation), WharfJson.Default.ContainerLogUse);

    /// <summary>The socket is the asking user's, who is known on a unix socket alone.</summary>
    private static async Task ExpectStreamsAsync(ApiContext context)
    {
        var id = context.Engine.Containers.RequirePassthrough(context.Route("id"));
        if (context.Http.Features.Get<IConnectionSocketFeature>()?.Socket is not { AddressFamily: AddressFamily.Unix } socket) throw WharfException.Invalid("the log driver passthrough is for clients on the daemon's machine");
        await context.WriteJsonAsync(200, new StreamSocket { Path = context.Engine.Handover.Expect(id, Linux.Sockets.PeerUser.Of(socket)) }, WharfJson.Default.StreamSocket);
    }

    private static async Task DiskAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await Task.Run(() => context.Engine.Images.DiskLedger(context.Cancellation), context.Cancellation), WharfJson.Default.ListDiskLedgerEntry);
}
