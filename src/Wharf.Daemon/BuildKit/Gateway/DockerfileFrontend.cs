using System.Text.Json;
using Wharf.Daemon.BuildKit.Progress;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Linting;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>
/// The front end <c>dockerfile.v0</c>: fetches Dockerfile and ignore file from the client, plans the build for each platform, and leaves the
/// rest until somebody wants the result.
/// </summary>
internal sealed class DockerfileFrontend(BuildService builds, SessionRegistry sessions, LocalContexts locals, Func<string, BuildReference?> inputs)
{
    public async Task<FrontendResult> SolveAsync(BuildJob job, FrontendOptions options, CancellationToken cancellation)
    {
        Export.BillOfMaterials.IsWanted(options);
        var session = job.SessionId.Length == 0 && job.Body is not null ? null : await sessions.GetAsync(job.SessionId, cancellation);
        var source = new ContextSources(builds, session, locals, job, options);
        (job.Options, job.DockerfileName) = (options, options.FileName);
        job.DockerfileText = await source.ReadDockerfileAsync(cancellation);
        var services = job.Hold(new SessionServices(session, job.Directory));
        var named = await NamedContextsAsync(job, session, options, source, cancellation);
        BuildRequest Request(Platform? platform) => RequestOf(builds, job, session, options, services, named, platform) with { Ignored = source.IgnoredAsync, ContextTime = source.ChangedAsync };
        if (options["requestid"] is { Length: > 0 } subrequest)
        {
            Task<BuildPlan> PlanAsync(LintReport? lint) => builds.PlanAsync(Request(options.Platforms[0]) with { Lint = lint }, name => Report(job, name), cancellation);
            return new FrontendResult([]) { Metadata = await Subrequests.AnswerAsync(subrequest, job.DockerfileText, options, PlanAsync) };
        }
        var plans = new List<(BuildRequest Request, BuildPlan Plan)>();
        foreach (var platform in options.Platforms)
        {
            var request = Request(platform);
            await Export.CacheTransfer.ImportAsync(job, options, session, builds, request, cancellation);
            plans.Add((request, await builds.PlanAsync(request, name => Report(job, name), cancellation)));
        }
        Warnings.Tell(job, plans[0].Plan);
        if (plans[0].Plan.LintViolation is { } violation) throw WharfException.Invalid(violation);
        var contexts = source.Contexts([.. plans.Select(plan => plan.Plan)]);
        return Result(job, options, plans, contexts, source);
    }

    private static BuildRequest RequestOf(BuildService builds, BuildJob job, ClientSession? session, FrontendOptions options, SessionServices services, Dictionary<string, string> named, Platform? platform) => new()
    {
        Hold = job.Hold(builds.Hold()), Name = session?.SharedKey is { Length: > 0 } key ? key : options["context"] is { Length: > 0 } remote ? remote : "session", DockerfileText = job.DockerfileText, DockerfileName = options.FileName, Arguments = options.Arguments, Target = options["target"], Labels = options.Under("label:"),
        NoCache = options.NoCache, NoCacheStages = options.NoCacheStages, Pull = options.Pull, Platform = platform, RunConfig = options.RunConfig, NamedContexts = named,
        Credentials = async (domain, cancel) => job.Credentials(domain) ?? await services.CredentialsAsync(domain, cancel), Secrets = services.SecretAsync, SshAgents = services.AgentAsync,
        // A client that drives its build itself may ask for containers over what failed.
        TakeFailed = job.Request.Frontend.Length == 0 ? job.Take : null, KeepFailedContainer = options.Has("keep-failed-step"), Squash = options.Has("squash"),
        Insecure = job.Request.Entitlements.Contains("security.insecure"), HostNetwork = job.Request.Entitlements.Contains("network.host"), Devices = DeviceGrants.Parse(job.Request.Entitlements),
    };

    private static BaseImageReport Report(BuildJob job, string name)
    {
        var vertex = new VertexReporter(job.Log, $"[internal] load metadata for {name}");
        return new BaseImageReport(vertex, error =>
        {
            if (error is not null) vertex.Fail(BuildErrors.LineMessage(error));
            vertex.Dispose();
        });
    }

    /// <summary>What names stand for, as the planner knows it.</summary>
    private async Task<Dictionary<string, string>> NamedContextsAsync(BuildJob job, ClientSession? session, FrontendOptions options, ContextSources sources, CancellationToken cancellation)
    {
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in options.Under("context:"))
        {
            var key = name.Split("::", 2)[0];
            if (value.StartsWith("docker-image://", StringComparison.Ordinal) || value.StartsWith("local:", StringComparison.Ordinal)) named[key] = value;
            else if (value.StartsWith("input:", StringComparison.Ordinal)) named[key] = await InputAsync(value["input:".Length..], sources, cancellation);
            else if (value.StartsWith(LayoutScheme, StringComparison.Ordinal)) named[key] = await LayoutAsync(job, session, value[LayoutScheme.Length..], options.Platforms[0], cancellation);
            else if (GitSource.IsGit(value) || Engine.Build.Solving.AddStep.IsRemote(value)) named[key] = "local:" + ContextSources.RemotePrefix + value;
            else throw WharfException.NotImplemented($"named context {key}: contexts of the kind \"{value}\" are not supported");
        }
        return named;
    }

    private const string LayoutScheme = "oci-layout://";

    /// <summary>An image in a directory of the client, <c>name@digest</c>: it comes into the store without a name.</summary>
    private async Task<string> LayoutAsync(BuildJob job, ClientSession? session, string text, Platform? platform, CancellationToken cancellation)
    {
        if (text.LastIndexOf('@') is not (> 0 and var at) || !Digest.TryParse(text[(at + 1)..], out var digest)) throw WharfException.Invalid($"context {LayoutScheme}{text} names no digest");
        using var vertex = new VertexReporter(job.Log, $"[context] load {LayoutScheme}{text}");
        try
        {
            return "docker-image://" + await builds.TakeImageAsync(new ClientContent(session ?? throw WharfException.Invalid("the build names no session"), "oci:" + text[..at].Split(':')[0]), digest, platform, job.Hold(builds.Hold()), cancellation);
        }
        catch (Exception error)
        {
            vertex.Fail(BuildErrors.Message(error));
            throw;
        }
    }

    /// <summary>The result of another build of the same client, as an image without a name.</summary>
    private async Task<string> InputAsync(string name, ContextSources sources, CancellationToken cancellation)
    {
        var input = inputs(sources.InputReference(name) ?? "") ?? throw WharfException.Invalid($"input {name} is not the result of a build here");
        if (!input.IsTarget) throw WharfException.NotImplemented($"input {name} is a step on the way: only the result of a build can be an input");
        var stored = await builds.StoreAsync(await input.SolveAsync(cancellation), [], cancellation);
        return "docker-image://" + stored.ImageId;
    }

    private FrontendResult Result(BuildJob job, FrontendOptions options, List<(BuildRequest Request, BuildPlan Plan)> plans, BuildContexts contexts, ContextSources sources)
    {
        var references = new List<(string, BuildReference)>();
        var metadata = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (request, plan) in plans)
        {
            var graph = new LlbGraph(plan, options.MultiPlatform, name => sources.Describe(name, plan));
            var run = job.Hold(new WatchedRun(builds.Begin(request, plan, contexts, job.Cancellation), graph, job.Log));
            var reference = new BuildReference(request, run, plan.Target.Root);
            job.Add(reference);
            var key = options.MultiPlatform ? Platforms.Describe(plan.Target.Platform) : "";
            references.Add((key, reference));
            metadata[key.Length == 0 ? "containerimage.config" : $"containerimage.config/{key}"] = JsonSerializer.SerializeToUtf8Bytes(BuildService.PlannedImage(plan), ImageJson.Plain.OciImage);
        }
        if (options.MultiPlatform) metadata["refs.platforms"] = PlatformList(plans.Select(plan => plan.Plan.Target.Platform));
        return new FrontendResult(references) { Metadata = metadata };
    }

    private static byte[] PlatformList(IEnumerable<Platform> platforms)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartArray("Platforms");
            foreach (var platform in platforms)
            {
                json.WriteStartObject();
                json.WriteString("ID", Platforms.Describe(platform));
                json.WriteStartObject("Platform");
                json.WriteString("architecture", platform.Architecture);
                json.WriteString("os", platform.Os);
                if (platform.Variant is { } variant) json.WriteString("variant", variant);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return text.ToArray();
    }
}
