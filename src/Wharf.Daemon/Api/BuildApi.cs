using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.Http;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Images;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Api;

/// <summary>The classic way to build: <c>POST /build</c>, a context as tar in, steps as JSON lines out; and the cache's prune.</summary>
public static class BuildApi
{
    /// <summary>The value of <c>remote</c> with which the context comes by the client's session.</summary>
    private const string ClientSession = "client-session";

    public static void Map(ApiRouter router, BuildKit.BuildKitApi buildKit)
    {
        router.Post("/build", context => BuildAsync(context, buildKit));
        router.Post("/build/prune", PruneAsync);
        router.Post("/build/cancel", context =>
        {
            if (context.Query("id") is not { Length: > 0 } id) throw WharfException.Invalid("build ID not provided");
            buildKit.Cancel(id);
            return context.EmptyAsync(200);
        });
        router.Get("/wharf/build/why", WhyAsync);
        router.Get("/wharf/build/mounts/export", ExportMountAsync);
        router.Post("/wharf/build/mounts/import", ImportMountAsync);
    }

    private static async Task BuildAsync(ApiContext context, BuildKit.BuildKitApi buildKit)
    {
        if (context.Query("version") is { Length: > 0 } builder and not ("1" or "2")) throw WharfException.Invalid($"invalid version \"{builder}\"");
        if (context.Query("isolation") is { Length: > 0 } isolation && !isolation.Equals("default", StringComparison.OrdinalIgnoreCase)) throw WharfException.Invalid($"unsupported isolation: \"{isolation}\"");
        Outputs(context);
        if (context.QueryBool("squash")) throw WharfException.Invalid("squash is only supported with experimental mode");
        if (context.Query("version") == "2")
        {
            await buildKit.BuildAsync(context);
            return;
        }
        if (context.QueryAll("securityopt").Any(static option => option.Length > 0)) throw WharfException.Invalid("security options are not supported on linux");
        if (context.Query("remote") == ClientSession) throw WharfException.Invalid("experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead");
        var builds = context.Engine.Builds;
        var directory = builds.MakeContextDirectory();
        try
        {
            await ReceiveContextAsync(context, directory);
            var (text, files) = builds.OpenContext(directory, context.Query("dockerfile") ?? "");
            using (files)
            using (var hold = builds.Hold())
            {
                var request = RequestOf(context, text, hold);
                ClassicBuildOutput.Check(request);
                await ImagesApi.StreamAsync(context, progress => new ClassicBuildOutput(progress, context.QueryBool("q")).RunAsync(builds, request, files, context.Cancellation));
            }
        }
        finally
        {
            BuildService.RemoveContext(directory);
        }
    }

    /// <summary>What is wrong with a context is told in Go's words.</summary>
    private static async Task ReceiveContextAsync(ApiContext context, string directory)
    {
        try
        {
            if (context.Query("remote") is { Length: > 0 } remote) await BuildService.FetchContextAsync(directory, remote, context.Cancellation);
            else await BuildService.UnpackContextAsync(directory, context.Http.Request.Body, context.Cancellation);
        }
        catch (WharfException error) when (error.Kind == ErrorKind.InvalidArgument)
        {
            throw WharfException.Invalid(BrokenArchive.Words(error), error);
        }
    }

    private static BuildRequest RequestOf(ApiContext context, string dockerfile, BuildHold hold)
    {
        var credentials = CredentialsOf(context);
        return new BuildRequest
        {
            Hold = hold, Classic = true, CacheFrom = Json(context, "cachefrom", "cache-from", BuildJson.Default.ListString) ?? [],
            Name = context.QueryAll("t").Append(RemoteAddress.Redacted(context.Query("remote") ?? "")).First() is { Length: > 0 } named ? named : "classic",
            DockerfileText = dockerfile,
            DockerfileName = context.Query("dockerfile") is { Length: > 0 } name ? name : "Dockerfile",
            Arguments = Json(context, "buildargs", "build args", BuildJson.Default.DictionaryStringString) is { } arguments ? arguments.ToDictionary(pair => pair.Key, pair => (string?)pair.Value) : [],
            Labels = Json(context, "labels", "labels", BuildJson.Default.DictionaryStringString) ?? [],
            Target = context.Query("target") ?? "",
            NoCache = context.QueryBool("nocache"),
            Pull = FrontendOptions.PullOf(ResolveMode(context)),
            Platform = context.Query("platform") is { Length: > 0 } platform ? Platforms.Parse(platform) : null,
            Tags = [.. context.QueryAll("t").Where(tag => tag.Length > 0)],
            KeepContainers = !context.QueryBool("forcerm") && !context.QueryBool("rm", absent: true), KeepFailedContainer = !context.QueryBool("forcerm"),
            RunConfig = RunConfigOf(context),
            Credentials = (domain, _) => Task.FromResult(credentials(domain)),
        };
    }

    /// <summary>Of <c>pull</c>, which is a truth value to docker: two of podman's policies, too. BuildKit's word for it; empty for what is done without it.</summary>
    internal static string ResolveMode(ApiContext context) => context.Query("pull") is "newer" or "never" ? context.Query("pull")! : context.QueryBool("pull") ? "pull" : "";

    /// <summary>Numbers that are none count for nothing, as with docker; but for the one whose error it tells.</summary>
    private static HostConfig RunConfigOf(ApiContext context)
    {
        if (context.Query("shmsize") is { Length: > 0 } shm && !long.TryParse(shm, System.Globalization.CultureInfo.InvariantCulture, out _)) throw WharfException.Invalid($"strconv.ParseInt: parsing \"{shm}\": invalid syntax");
        long? Number(string name) => long.TryParse(context.Query(name), System.Globalization.CultureInfo.InvariantCulture, out long value) ? value : null;
        return new HostConfig
        {
            Memory = Number("memory"), MemorySwap = Number("memswap"), CpuShares = Number("cpushares"), CpuPeriod = Number("cpuperiod"), CpuQuota = Number("cpuquota"),
            CpusetCpus = context.Query("cpusetcpus"), CpusetMems = context.Query("cpusetmems"), CgroupParent = context.Query("cgroupparent"),
            ShmSize = Number("shmsize") is > 0 and var size ? size : null, NetworkMode = context.Query("networkmode"), Ulimits = Json(context, "ulimits", "ulimit settings", JsonMessageJson.Default.ListHostConfigUlimits),
            ExtraHosts = context.QueryAll("extrahosts") is { Count: > 0 } hosts ? [.. hosts] : null,
        };
    }

    /// <summary>Where results go: only BuildKit heeds it, but nonsense is refused always.</summary>
    internal static List<BuildOutput> Outputs(ApiContext context)
    {
        if (context.Query("outputs") is not { Length: > 0 } text) return [];
        try { return JsonSerializer.Deserialize(text, BuildJson.Default.ListBuildOutput) ?? []; }
        catch (JsonException error) { throw WharfException.Invalid($"invalid outputs specified: {Reason(text, error, "[]types.ImageBuildOutput")}", error); }
    }

    internal static T? Json<T>(ApiContext context, string name, string what, JsonTypeInfo<T> type) where T : class
    {
        if (context.Query(name) is not { Length: > 0 } text) return null;
        try
        {
            return JsonSerializer.Deserialize(text, type);
        }
        catch (JsonException error)
        {
            throw WharfException.Invalid($"error reading {what}: {Reason(text, error, typeof(T) == typeof(List<string>) ? "[]string" : typeof(T) == typeof(Dictionary<string, string>) ? (name == "buildargs" ? "map[string]*string" : "map[string]string") : "[]*units.Ulimit")}", error);
        }
    }

    /// <summary>What Go's decoder would say.</summary>
    private static string Reason(string text, JsonException error, string type)
    {
        var trimmed = text.AsSpan().Trim();
        if (trimmed.IsEmpty) return "unexpected end of JSON input";
        var kind = trimmed[0] switch { '{' => "object", '[' => "array", '"' => "string", 't' or 'f' => "bool", '-' or (>= '0' and <= '9') => "number", _ => null };
        if (kind is null) return $"invalid character '{trimmed[0]}' looking for beginning of value";
        return error.Path is "$" ? $"json: cannot unmarshal {kind} into Go value of type {type}" : JsonBody.Describe(System.Text.Encoding.UTF8.GetBytes(text), error, type.Contains("Ulimit", StringComparison.Ordinal) ? "units.Ulimit" : "");
    }

    /// <summary>Credentials by registry, from the X-Registry-Config header: base64url JSON.</summary>
    internal static Func<string, AuthConfig?> CredentialsOf(ApiContext context)
    {
        var all = RegistryConfig(context);
        return domain => all.GetValueOrDefault(domain == ImageReference.DefaultDomain ? "https://index.docker.io/v1/" : domain);
    }

    private static Dictionary<string, AuthConfig> RegistryConfig(ApiContext context)
    {
        if (context.Http.Request.Headers["X-Registry-Config"].ToString() is not { Length: > 0 } header) return [];
        try
        {
            var json = Base64Url.DecodeFromChars(header.Replace('+', '-').Replace('/', '_').TrimEnd('='));
            return JsonSerializer.Deserialize(json, JsonMessageJson.Default.DictionaryStringAuthConfig) ?? [];
        }
        catch (Exception error) when (error is FormatException or JsonException)
        {
            // As good as none: what needs no credentials builds all the same, which clients rely on.
            return [];
        }
    }

    private static Task WhyAsync(ApiContext context) =>
        context.WriteJsonAsync(200, context.Engine.Builds.LastReport() ?? throw WharfException.NotFound("nothing was built here yet"), WharfJson.Default.BuildReport);

    /// <summary>A cache mount as a tar. Its ID is often a path, hence in the query.</summary>
    private static async Task ExportMountAsync(ApiContext context)
    {
        var id = context.Query("id") ?? "";
        if (!context.Engine.Builds.CacheEntries().Any(entry => entry.Mutable && entry.Description == $"cached mount {id}")) throw WharfException.NotFound($"no cache mount with the ID \"{id}\"");
        context.Http.Response.ContentType = "application/x-tar";
        await context.Engine.Builds.ExportCacheMountAsync(id, context.Http.Response.Body, context.Cancellation);
    }

    private static async Task ImportMountAsync(ApiContext context)
    {
        await context.Engine.Builds.ImportCacheMountAsync(context.Query("id") ?? "", context.Http.Request.Body, context.Cancellation);
        await context.EmptyAsync(204);
    }

    private static async Task PruneAsync(ApiContext context)
    {
        var filters = context.Filters();
        var rule = new PruneRule
        {
            All = context.QueryBool("all"), Reserved = context.QueryLong("reserved-space") ?? context.QueryLong("keep-storage") ?? 0, MaxUsed = context.QueryLong("max-used-space") ?? 0, MinFree = context.QueryLong("min-free-space") ?? 0,
        };
        try
        {
            // Labels: docker system prune sends its own along, and the cache has none.
            filters.Accept("until", "id", "parent", "type", "description", "inuse", "shared", "private", "unused-for", "label", "label!");
            rule = rule.With(filters.All, DateTimeOffset.UtcNow);
        }
        catch (WharfException error) { throw new WharfException(error.Kind, $"failed to prune build cache: {error.Message}", error); }
        var (removed, freed) = await context.Engine.Builds.PruneAsync(rule, context.Cancellation);
        await context.WriteJsonAsync(200, new BuildPruneResponse { CachesDeleted = removed.Count > 0 ? removed.ConvertAll(static entry => entry.Id) : null, SpaceReclaimed = freed }, DockerApiJson.Default.BuildPruneResponse);
    }
}
