using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>What is asked of registries through the engine: logins, search, manifests.</summary>
public static class RegistryApi
{
    private const int DefaultLimit = 25, MaxLimit = 100;

    public static void Map(ApiRouter router)
    {
        router.Post("/auth", LoginAsync);
        router.Get("/images/search", SearchAsync);
        router.Get("/distribution/{name*}/json", DistributionAsync);
        router.Get("/wharf/tags/{name*}", async context =>
            await context.WriteJsonAsync(200, await context.Engine.Images.TagsAsync(context.Route("name"), RegistryHeaders.Auth(context), context.Cancellation), WharfJson.Default.RepositoryTags));
    }

    private static async Task LoginAsync(ApiContext context)
    {
        var credentials = RegistryHeaders.WithPassword(await context.ReadJsonAsync(DockerApiJson.Default.AuthConfig, required: true))!;
        var address = credentials.Serveraddress ?? "";
        if (address.Length > 0 && !Uri.TryCreate(address.Contains("://", StringComparison.Ordinal) ? address : "https://" + address, UriKind.Absolute, out _))
            throw WharfException.Invalid($"unable to parse server address: parse \"https://{address}\": invalid character in host name");
        var token = await context.Engine.Images.LoginAsync(credentials, context.Cancellation);
        await context.WriteJsonAsync(200, new SystemAuthResponse { Status = "Login Succeeded", IdentityToken = token }, DockerApiJson.Default.SystemAuthResponse);
    }

    private static async Task DistributionAsync(ApiContext context) =>
        await context.WriteJsonAsync(200, await context.Engine.Images.DistributionAsync(context.Route("name"), RegistryHeaders.Auth(context), context.Cancellation), DockerApiJson.Default.DistributionInspect);

    private static async Task SearchAsync(ApiContext context)
    {
        var filters = context.Filters().Accept("is-automated", "is-official", "stars");
        bool? official = Flag(filters, "is-official"), automated = Flag(filters, "is-automated");
        var stars = filters.Get("stars").Select(text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number
            : throw WharfException.Invalid($"invalid filter 'stars={text}': strconv.Atoi: parsing \"{text}\": invalid syntax")).ToList();
        if (context.Query("limit") is { Length: > 0 } text && !int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            throw WharfException.Invalid($"invalid limit specified: strconv.Atoi: parsing \"{text}\": invalid syntax");
        long limit = context.QueryLong("limit") is { } asked and not 0 ? asked : DefaultLimit;
        if (limit is < 1 or > MaxLimit) throw WharfException.Invalid($"limit {limit} is outside the range of [1, {MaxLimit}]");
        // No repository is built automatically any more: docker answers such a search with nothing.
        var found = automated == true ? [] : await context.Engine.Images.SearchAsync(context.Query("term") ?? "", (int)limit, RegistryHeaders.Auth(context), context.Cancellation);
        var answer = found.Where(item => (official is null || (item.IsOfficial ?? false) == official) && stars.TrueForAll(least => (item.StarCount ?? 0) >= least))
            .Select(item => item with { IsAutomated = false, IsOfficial = item.IsOfficial ?? false, Description = item.Description ?? "", StarCount = item.StarCount ?? 0 }).ToList();
        await context.WriteJsonAsync(200, answer, DockerApiJson.Default.ListImageSearchResponseItem);
    }

    private static bool? Flag(Filters filters, string name)
    {
        var values = filters.Get(name);
        return values.Count == 0 ? null : ImagesApi.IsTrue(values, name);
    }
}
