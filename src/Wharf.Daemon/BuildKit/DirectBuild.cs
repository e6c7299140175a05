using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.Api;
using Wharf.Daemon.BuildKit.Export;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.History;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Daemon.Http;
using Wharf.Engine;
using Wharf.Engine.Build;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit;

/// <summary>
/// <c>POST /build?version=2</c>: BuildKit behind the Engine API's own endpoint, as clients before buildx used it. The context comes as the body, from an
/// address, or by the client's session; progress goes out as BuildKit's messages in JSON.
/// </summary>
internal sealed class DirectBuild(EngineHost engine, SessionRegistry sessions, DockerfileFrontend frontend, ExportService exports, HistoryStore history)
{
    private const string ClientSession = "client-session", TraceId = "moby.buildkit.trace", ImageId = "moby.image.id", DigestKey = "containerimage.digest";

    private readonly ConcurrentDictionary<string, CancellationTokenSource> _running = new(StringComparer.Ordinal);

    /// <summary>Ends a build; one that is not there has ended.</summary>
    public void Cancel(string id)
    {
        if (!_running.TryGetValue(id, out var running)) return;
        try { running.Cancel(); }
        catch (ObjectDisposedException) { /* it ended just now */ }
    }

    public async Task RunAsync(ApiContext context)
    {
        var request = RequestOf(context);
        var remote = context.Query("remote") ?? "";
        var directory = remote.Length == 0 ? engine.Builds.MakeContextDirectory() : null;
        try
        {
            if (directory is not null)
            {
                if (await ReceiveAsync(context, directory) is { } problem)
                {
                    await FailAsync(context.StartJsonLines(), problem);
                    return;
                }
                request.FrontendAttrs["context"] = BuildJob.BodyAddress;
            }
            else if (remote != ClientSession) request.FrontendAttrs["context"] = remote;
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
            await using var job = new BuildJob(request.Ref, request.Session, request, Path.Combine(engine.Options.ExecRoot, "build", "direct-" + Guid.NewGuid().ToString("n")), cancel.Token)
            {
                Body = directory ?? (remote == ClientSession ? null : ""), Credentials = BuildApi.CredentialsOf(context),
            };
            _running.TryAdd(request.Ref, cancel);
            try { await StreamAsync(context, job, cancel.Token); }
            finally { _running.TryRemove(KeyValuePair.Create(request.Ref, cancel)); }
        }
        finally
        {
            if (directory is not null) BuildService.RemoveContext(directory);
        }
    }

    /// <summary>Unpacks the body; gives what is wrong with it. BuildKit finds that only when it looks for the Dockerfile.</summary>
    private static async Task<string?> ReceiveAsync(ApiContext context, string directory)
    {
        try
        {
            await BuildService.UnpackOrDockerfileAsync(directory, context.Http.Request.Body, context.Cancellation);
            return null;
        }
        catch (WharfException error) when (error.Kind == ErrorKind.InvalidArgument) { return $"failed to read dockerfile: {BrokenArchive.Words(error)}"; }
    }

    private static Task FailAsync(JsonLines lines, string message) => lines.WriteAsync(new JsonMessage { ErrorDetail = new ErrorDetail { Message = message }, Error = message }, JsonMessageJson.Default.JsonMessage);

    private async Task StreamAsync(ApiContext context, BuildJob job, CancellationToken cancellation)
    {
        bool quiet = context.QueryBool("q");
        history.Started(job);
        var lines = context.StartJsonLines();
        var building = BuildAsync(job, cancellation);
        if (!quiet)
        {
            await foreach (var status in job.Log.ReadAsync(context.Cancellation))
                await lines.WriteAsync(new JsonMessage { Id = TraceId, Aux = Text(status.ToByteString().ToBase64()) }, JsonMessageJson.Default.JsonMessage);
        }
        try
        {
            var id = (await building).Response.GetValueOrDefault(DigestKey);
            if (id is null) return;
            if (quiet) await lines.WriteAsync(new JsonMessage { Stream = id + "\n" }, JsonMessageJson.Default.JsonMessage);
            else await lines.WriteAsync(new JsonMessage { Id = ImageId, Aux = JsonSerializer.SerializeToElement(new ImageIdAux { ID = id }, DockerApiJson.Default.ImageIdAux) }, JsonMessageJson.Default.JsonMessage);
        }
        catch (Exception error) when (!context.Cancellation.IsCancellationRequested)
        {
            await FailAsync(lines, cancellation.IsCancellationRequested ? "context canceled" : BuildErrors.Message(error));
        }
    }

    private static JsonElement Text(string text)
    {
        using var document = JsonDocument.Parse($"\"{text}\"");
        return document.RootElement.Clone();
    }

    private async Task<ExportResult> BuildAsync(BuildJob job, CancellationToken cancellation)
    {
        ExportResult? exported = null;
        Exception? failed = null;
        try
        {
            CacheTransfer.Check(job);
            var result = await frontend.SolveAsync(job, new FrontendOptions(job.Request.FrontendAttrs), cancellation);
            return exported = await exports.ExportAsync(job, job.SessionId.Length > 0 ? await sessions.GetAsync(job.SessionId, cancellation) : null, result, cancellation);
        }
        catch (Exception error)
        {
            failed = error;
            throw;
        }
        finally
        {
            job.Log.Complete();
            history.Completed(job, exported, failed is null ? null : BuildErrors.ToStatus(failed, job.GraphOf(failed), job.DockerfileName, job.DockerfileText));
        }
    }

    /// <summary>The query as the front end's options.</summary>
    private static SolveRequest RequestOf(ApiContext context)
    {
        var request = new SolveRequest { Ref = context.Query("buildid") is { Length: > 0 } id ? id : Guid.NewGuid().ToString("n"), Session = context.Query("session") ?? "", Frontend = "dockerfile.v0", Cache = new CacheOptions() };
        var options = request.FrontendAttrs;
        Set("filename", context.Query("dockerfile"));
        Set("target", context.Query("target"));
        Set("platform", context.Query("platform") is { Length: > 0 } platform ? Engine.Images.Platforms.Describe(Engine.Images.Platforms.Parse(platform)) : null);
        Set("cgroup-parent", context.Query("cgroupparent"));
        Set("shm-size", context.QueryLong("shmsize") is > 0 and var size ? size.ToString(CultureInfo.InvariantCulture) : null);
        // Hosts are a line of CSV to BuildKit.
        if (context.QueryAll("extrahosts").FirstOrDefault()?.IndexOf('"', StringComparison.Ordinal) is > 0 and var quote)
            throw WharfException.Invalid($"failed to parse additional hosts: parse error on line 1, column {quote + 1}: bare \" in non-quoted-field");
        Set("add-hosts", string.Join(',', context.QueryAll("extrahosts").Select(static host => host.Split(':', 2) is [var name, var address] ? $"{name}={address}" : throw WharfException.Invalid($"invalid host {host}"))));
        Set("ulimit", string.Join(',', (BuildApi.Json(context, "ulimits", "ulimit settings", JsonMessageJson.Default.ListHostConfigUlimits) ?? []).Select(static limit => !Engine.Containers.Oci.Ulimits.IsKnown(limit.Name) ? throw WharfException.Invalid($"failed to parse ulimit: invalid ulimit type: {limit.Name}") : $"{limit.Name}={limit.Soft}:{limit.Hard}")));
        if (context.QueryBool("nocache")) options["no-cache"] = "";
        Set("image-resolve-mode", BuildApi.ResolveMode(context));
        foreach (var (name, value) in BuildApi.Json(context, "buildargs", "build args", BuildJson.Default.DictionaryStringString) ?? [])
            if (value is not null) options["build-arg:" + name] = value;
        foreach (var (name, value) in BuildApi.Json(context, "labels", "labels", BuildJson.Default.DictionaryStringString) ?? []) options["label:" + name] = value;
        Set("cache-from", string.Join(',', BuildApi.Json(context, "cachefrom", "cache-from", BuildJson.Default.ListString) ?? []));
        SetNetwork(request, context.Query("networkmode") ?? "");
        request.Exporters.AddRange(BuildApi.Outputs(context).Select(static output => new Exporter { Type = output.Type, Attrs = { output.Attrs } }));
        if (request.Exporters.Count == 0) request.Exporters.Add(new Exporter { Type = "moby" });
        var tags = context.QueryAll("t");
        ClassicBuildOutput.CheckTags(tags);
        foreach (var exporter in request.Exporters)
            if (exporter.Type is "moby" or "image" && tags.Count > 0) exporter.Attrs["name"] = string.Join(',', tags);
        return request;

        void Set(string name, string? value)
        {
            if (value is { Length: > 0 }) options[name] = value;
        }
    }

    private static void SetNetwork(SolveRequest request, string mode)
    {
        if (mode is "" or "default") return;
        if (mode is not ("host" or "none")) throw WharfException.Invalid($"network mode \"{mode}\" not supported by buildkit");
        request.FrontendAttrs["force-network-mode"] = mode;
        if (mode == "host") request.Entitlements.Add("network.host");
    }
}
