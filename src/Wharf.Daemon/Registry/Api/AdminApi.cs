using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Scanning;
using Wharf.Daemon.Registry.Storage;
using Wharf.Daemon.Registry.Upkeep;
using Wharf.Engine.Images;

namespace Wharf.Daemon.Registry.Api;

/// <summary>
/// Beside the specification: <c>/api/whoami</c>, <c>/api/repositories</c> and <c>/api/repositories/NAME</c> and <c>/api/scan/NAME</c> for whoever may read there,
/// <c>/api/collect</c>, <c>/api/scrub</c> and <c>/api/robots</c> for administrators.
/// </summary>
internal sealed class AdminApi(RegistryStore store, RegistryRules rules, Authenticator authenticator, UpkeepService upkeep, EventReporter reporter, Scanner scanner)
{
    private const int MaxBody = 64 << 10, MaxTagsShown = 200, MaxRepositoriesShown = 100, MaxTagsCounted = 1000;

    public async Task HandleAsync(HttpContext http, string path)
    {
        var identity = await authenticator.AuthenticateAsync(http, null);
        var method = http.Request.Method;
        var parts = path["/api/".Length..];
        switch (method, parts)
        {
            case ("GET", "whoami"):
                await http.AnswerAsync(new WhoAmI { Name = identity.Name, IsAdmin = identity.IsAdmin, LoginNeeded = authenticator.IsRequired, Logins = authenticator.Login.Labels is { Count: > 0 } labels ? labels : null }, AdminJson.Default.WhoAmI);
                return;
            case ("GET", "repositories"):
                await RepositoriesAsync(http, identity);
                return;
            case ("POST", "collect"):
                RequireAdmin(http, identity);
                await CollectAsync(http, identity);
                return;
            case ("POST", "scrub"):
                RequireAdmin(http, identity);
                await http.AnswerAsync(new ScrubAnswer { Damaged = await upkeep.ScrubAsync(http.RequestAborted) }, AdminJson.Default.ScrubAnswer);
                return;
            case ("GET", "robots"):
                RequireAdmin(http, identity);
                await http.AnswerAsync([.. await authenticator.Robots.ListAsync(http.RequestAborted)], RobotJson.Default.ListRobot);
                return;
            case ("POST", "robots"):
                RequireAdmin(http, identity);
                await CreateRobotAsync(http, identity);
                return;
        }
        if (parts is "keys" || parts.StartsWith("keys/", StringComparison.Ordinal))
        {
            await KeysAsync(http, identity, method, parts);
            return;
        }
        if (method == "DELETE" && parts.StartsWith("robots/", StringComparison.Ordinal))
        {
            RequireAdmin(http, identity);
            var name = Uri.UnescapeDataString(parts["robots/".Length..]);
            if (!await authenticator.Robots.DeleteAsync(name, http.RequestAborted)) throw new RegistryException(RegistryErrorCode.NotFound, "no such robot");
            reporter.Report(new RegistryEvent { Action = "robot", User = identity.Name, Repository = null, Tag = name, Error = null });
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        if (method == "GET" && parts.StartsWith("scan/", StringComparison.Ordinal))
        {
            await ScanAsync(http, identity, Uri.UnescapeDataString(parts["scan/".Length..]));
            return;
        }
        if (parts.StartsWith("repositories/", StringComparison.Ordinal))
        {
            var name = Uri.UnescapeDataString(parts["repositories/".Length..]);
            RegistryRoute.CheckName(name);
            var route = new RegistryRoute(RouteKind.Tags, name, "");
            if (method == "GET") await RepositoryAsync(http, identity, route);
            else if (method == "DELETE") await DeleteRepositoryAsync(http, identity, route);
            else throw new RegistryException(RegistryErrorCode.Unsupported).With("Allow", "GET, DELETE");
            return;
        }
        throw new RegistryException(RegistryErrorCode.NotFound);
    }

    private void RequireAdmin(HttpContext http, Identity identity)
    {
        if (identity.IsAdmin) return;
        throw identity.IsAnonymous ? authenticator.Challenge(http, null, "authentication required") : new RegistryException(RegistryErrorCode.Denied, "only administrators may do this");
    }

    private void Require(HttpContext http, Identity identity, RegistryAction action, RegistryRoute route)
    {
        if (identity.May(action, route.Name)) return;
        throw identity.IsAnonymous ? authenticator.Challenge(http, route, "authentication required") : new RegistryException(RegistryErrorCode.Denied);
    }

    private async Task RepositoriesAsync(HttpContext http, Identity identity)
    {
        var (query, filter) = (http.Request.Query, http.Request.Query["filter"].FirstOrDefault() ?? "");
        var page = await store.Metadata.ListRepositoriesAsync(MaxRepositoriesShown, query["last"].FirstOrDefault(), name => name.Contains(filter, StringComparison.OrdinalIgnoreCase) && identity.May(RegistryAction.Read, name), http.RequestAborted);
        if (page.HasMore) http.Response.Headers.Link = $"</api/repositories?filter={Uri.EscapeDataString(filter)}&last={Uri.EscapeDataString(page.Names[^1])}>; rel=\"next\"";
        var summaries = await Task.WhenAll(page.Names.Select(async name =>
        {
            var tags = await store.Metadata.ListTagsAsync(name, MaxTagsCounted, null, http.RequestAborted);
            return new RepositorySummary { Name = name, Tags = tags.Names.Count, HasMore = tags.HasMore };
        }));
        await http.AnswerAsync([.. summaries], AdminJson.Default.ListRepositorySummary);
    }

    /// <summary>Repositories whose name contains the term, in the form of docker's first registry API, which <c>docker search</c> still speaks.</summary>
    public async Task SearchAsync(HttpContext http)
    {
        var identity = await authenticator.AuthenticateAsync(http, null);
        var term = http.Request.Query["q"].FirstOrDefault() ?? "";
        int limit = int.TryParse(http.Request.Query["n"].FirstOrDefault(), out int n) && n is > 0 and <= MaxRepositoriesShown ? n : 25;
        var names = (await store.Metadata.ListRepositoriesAsync(limit, null, name => name.Contains(term, StringComparison.OrdinalIgnoreCase) && identity.May(RegistryAction.Read, name), http.RequestAborted)).Names;
        await http.AnswerAsync(new SearchAnswer { Query = term, Count = names.Count, PageSize = limit, Results = [.. names.Select(name => new SearchResult { Name = name })] }, AdminJson.Default.SearchAnswer);
    }

    private async Task RepositoryAsync(HttpContext http, Identity identity, RegistryRoute route)
    {
        Require(http, identity, RegistryAction.Read, route);
        if (!await store.Metadata.HasRepositoryAsync(route.Name, http.RequestAborted)) throw new RegistryException(RegistryErrorCode.NameUnknown, detail: route.Name);
        // One tag that is asked for, or a page of all.
        var one = http.Request.Query["tag"].FirstOrDefault();
        var page = one is not null ? new NamePage(RegistryRoute.IsValidTag(one) ? [one] : [], false) : await store.Metadata.ListTagsAsync(route.Name, MaxTagsShown, http.Request.Query["last"].FirstOrDefault(), http.RequestAborted);
        var tags = new List<TagDetail>();
        foreach (var tag in page.Names)
        {
            if (await store.Metadata.FindTagAsync(route.Name, tag, http.RequestAborted) is not { } record || await store.Metadata.FindManifestAsync(route.Name, record.Digest, http.RequestAborted) is not { } manifest) continue;
            tags.Add(new TagDetail
            {
                Name = tag, Digest = record.Digest.ToString(), MediaType = manifest.MediaType, ArtifactType = manifest.ArtifactType, Updated = record.Updated, By = record.By,
                Pulled = await store.Metadata.LastPullAsync(route.Name, record.Digest, http.RequestAborted), IsImmutable = rules.IsImmutable(route.Name, tag),
                Signers = rules.Trust is { } trust && trust.Covers(route.Name) ? await trust.SignersAsync(route.Name, record.Digest, http.RequestAborted) : null,
            });
        }
        var allowed = identity.Allowed(route.Name);
        await http.AnswerAsync(new RepositoryDetail { Name = route.Name, Tags = tags, HasMore = page.HasMore, Last = page.Names.LastOrDefault(), MayWrite = allowed.HasFlag(RegistryAction.Write), MayDelete = allowed.HasFlag(RegistryAction.Delete) }, AdminJson.Default.RepositoryDetail);
    }

    /// <summary>Packages and known vulnerabilities of the image that <c>reference</c> (a tag or digest) names, of an index that for <c>platform</c>.</summary>
    private async Task ScanAsync(HttpContext http, Identity identity, string name)
    {
        RegistryRoute.CheckName(name);
        Require(http, identity, RegistryAction.Read, new RegistryRoute(RouteKind.Tags, name, ""));
        var reference = http.Request.Query["reference"].FirstOrDefault() is { Length: > 0 } text ? text : "latest";
        if (!reference.Contains(':') && !RegistryRoute.IsValidTag(reference)) throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: reference.Length > 128 ? reference[..128] : reference);
        var manifest = await store.FindManifestAsync(name, reference, http.RequestAborted) ?? throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: reference);
        var platform = http.Request.Query["platform"].FirstOrDefault() is { Length: > 0 } wanted ? Platforms.Parse(wanted) : Platforms.Host;
        await http.AnswerAsync(await scanner.ScanAsync(name, manifest, platform, http.RequestAborted), ScanJson.Default.ScanReport);
    }

    private async Task DeleteRepositoryAsync(HttpContext http, Identity identity, RegistryRoute route)
    {
        Require(http, identity, RegistryAction.Delete, route);
        rules.CheckDeletesAllowed();
        foreach (var (tag, _) in rules.HasImmutable(route.Name) ? await store.Metadata.ListTagRecordsAsync(route.Name, http.RequestAborted) : [])
            if (rules.IsImmutable(route.Name, tag)) throw new RegistryException(RegistryErrorCode.Denied, $"{route.Name} has the immutable tag {tag}");
        await store.DeleteRepositoryAsync(route.Name, http.RequestAborted);
        reporter.Report(new RegistryEvent { Action = "delete", Repository = route.Name, User = identity.Name is { Length: > 0 } name ? name : null });
        http.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private async Task CollectAsync(HttpContext http, Identity identity)
    {
        TimeSpan? grace = http.Request.Query["grace"].FirstOrDefault() is { Length: > 0 } text ? ConfigText.Duration(text, "grace") : null;
        var result = await upkeep.CollectAsync(http.RequestAborted, grace);
        reporter.Report(new RegistryEvent { Action = "collect", User = identity.Name is { Length: > 0 } name ? name : null });
        await http.AnswerAsync(new CollectAnswer { Blobs = result.Blobs, Bytes = result.Bytes, Manifests = result.Manifests, Tags = result.Tags, Uploads = result.Uploads }, AdminJson.Default.CollectAnswer);
    }

    private async Task CreateRobotAsync(HttpContext http, Identity identity)
    {
        http.LimitBody(MaxBody);
        Robot? robot;
        try { robot = await JsonSerializer.DeserializeAsync(http.Request.Body, RobotJson.Default.Robot, http.RequestAborted); }
        catch (JsonException error) { throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, $"not a robot: {error.Message}", inner: error); }
        if (robot is null) throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, "not a robot");
        var secret = await authenticator.Robots.CreateAsync(robot with { By = identity.Name, Hash = "" }, http.RequestAborted);
        reporter.Report(new RegistryEvent { Action = "robot", User = identity.Name, Tag = robot.Name });
        http.Response.StatusCode = StatusCodes.Status201Created;
        await http.AnswerAsync(new RobotSecret { User = Robots.Prefix + robot.Name, Secret = secret }, AdminJson.Default.RobotSecret);
    }

    /// <summary>A user's own keys: listed, made, removed.</summary>
    private async Task KeysAsync(HttpContext http, Identity identity, string method, string path)
    {
        if (!identity.IsPerson) throw identity.IsAnonymous || identity.Name == "" ? authenticator.Challenge(http, null, "authentication required") : new RegistryException(RegistryErrorCode.Denied, "keys are made with a user's password");
        switch (method, path)
        {
            case ("GET", "keys"):
                await http.AnswerAsync(await authenticator.Keys.ListAsync(identity.Name, http.RequestAborted), ApiKeyJson.Default.IReadOnlyListApiKey);
                return;
            case ("POST", "keys"):
                http.LimitBody(MaxBody);
                ApiKey? wanted;
                try { wanted = await JsonSerializer.DeserializeAsync(http.Request.Body, ApiKeyJson.Default.ApiKey, http.RequestAborted); }
                catch (JsonException error) { throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, $"not a key: {error.Message}", inner: error); }
                var made = await authenticator.Keys.CreateAsync(identity.Name, identity.Groups, wanted ?? new ApiKey(), http.RequestAborted);
                reporter.Report(new RegistryEvent { Action = "key", User = identity.Name, Tag = made.Id });
                http.Response.StatusCode = StatusCodes.Status201Created;
                await http.AnswerAsync(made, ApiKeyJson.Default.ApiKey);
                return;
            case ("DELETE", _) when path.StartsWith("keys/", StringComparison.Ordinal):
                if (!await authenticator.Keys.DeleteAsync(identity.Name, path["keys/".Length..], http.RequestAborted)) throw new RegistryException(RegistryErrorCode.NotFound, "no such key");
                reporter.Report(new RegistryEvent { Action = "key", User = identity.Name, Tag = path["keys/".Length..] });
                http.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            default:
                throw new RegistryException(RegistryErrorCode.Unsupported).With("Allow", "GET, POST, DELETE");
        }
    }
}
