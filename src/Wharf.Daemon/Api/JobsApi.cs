using System.Globalization;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary>Jobs: containers run to their end by a schedule or by hand (Wharf's own).</summary>
public static class JobsApi
{
    public static void Map(ApiRouter router)
    {
        router.Get("/wharf/jobs", context => context.WriteJsonAsync(200, context.Engine.Jobs.List(), WharfJson.Default.ListJob));
        router.Post("/wharf/jobs", async context => await context.WriteJsonAsync(201, context.Engine.Jobs.Create(await context.ReadJsonAsync(WharfJson.Default.JobCreateRequest, required: true)), WharfJson.Default.Job));
        router.Get("/wharf/jobs/{name}", context => context.WriteJsonAsync(200, context.Engine.Jobs.Get(context.Route("name")), WharfJson.Default.Job));
        router.Delete("/wharf/jobs/{name}", async context =>
        {
            await context.Engine.Jobs.RemoveAsync(context.Route("name"), context.QueryBool("force"), context.Cancellation);
            await context.EmptyAsync(204);
        });
        router.Get("/wharf/jobs/{name}/runs", context => context.WriteJsonAsync(200, context.Engine.Jobs.Runs(context.Route("name")), WharfJson.Default.ListJobRun));
        router.Post("/wharf/jobs/{name}/runs", context => context.WriteJsonAsync(201, context.Engine.Jobs.Run(context.Route("name")), WharfJson.Default.JobRun));
        router.Post("/wharf/jobs/{name}/runs/{number}/wait", async context =>
            await context.WriteJsonAsync(200, await context.Engine.Jobs.WaitAsync(context.Route("name"), Number(context.Route("number")), context.Cancellation), WharfJson.Default.JobRun));
    }

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw WharfException.Invalid($"bad parameter: the run must be a number, not \"{text}\"");
}
