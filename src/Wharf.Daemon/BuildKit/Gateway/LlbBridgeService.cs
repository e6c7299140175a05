using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Gateways;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine;
using Wharf.Engine.Archive;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using GatewaySolveRequest = Wharf.BuildKit.Protocol.Gateways.SolveRequest;
using GatewaySolveResponse = Wharf.BuildKit.Protocol.Gateways.SolveResponse;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>
/// The gateway of BuildKit: a client that steers its build itself, as buildx does, asks here for the Dockerfile front end's result and gives it
/// back. Which build a call belongs to is in its metadata.
/// </summary>
internal sealed partial class LlbBridgeService(EngineHost engine, BuildJobs jobs, DockerfileFrontend frontend) : LLBBridge.LLBBridgeBase
{
    private const string BuildId = "buildkit-controlapi-buildid";
    private const int MaxRead = 64 << 20;

    private static readonly string[] FrontendCapabilities =
    [
        "solve.base", "solve.inlinereturn", "resolveimage", "resolveimage.resolvemode", "readfile", "return", "returnmap", "readdir", "statfile", "importcaches", "proto.refarray",
        "reference.output", "frontend.inputs", "gateway.solve.metadata", "frontend.caps", "gateway.solve.evaluate", "gateway.evaluate", "gateway.warnings", "gateway.reference.evaluate",
        "gateway.exec", "gateway.exec.extrahosts", "gateway.exec.signals",
    ];

    private static readonly string[] SolverCapabilities =
    [
        "source.image", "source.image.resolvemode", "source.local", "source.local.unique", "source.local.sessionid", "source.local.includepatterns", "source.local.followpaths", "source.local.excludepatterns",
        "source.local.sharedkeyhint", "source.local.differ", "source.git", "source.git.keepgitdir", "source.git.subdir", "source.http", "source.http.checksum", "exec.meta.base", "exec.meta.network",
        "exec.mount.bind", "exec.mount.cache", "exec.mount.cache.sharing", "exec.mount.tmpfs", "exec.mount.tmpfs.size", "exec.mount.secret", "exec.mount.ssh", "exec.secretenv", "file.base", "constraints", "platform", "gc.freespacefilter",
        "meta.ignorecache", "meta.description", "meta.exportcache", "exporter.image.attestations", "exporter.image.annotations", "exporter.multiple",
    ];

    public override Task<PongResponse> Ping(PingRequest request, ServerCallContext context)
    {
        var pong = new PongResponse { Workers = { WorkerRecords.This(engine.Options) } };
        pong.FrontendApiCaps.AddRange(FrontendCapabilities.Select(static id => new ApiCap { Id = id, Enabled = true }));
        pong.LlbCaps.AddRange(SolverCapabilities.Select(static id => new ApiCap { Id = id, Enabled = true }));
        return Task.FromResult(pong);
    }

    public override async Task<GatewaySolveResponse> Solve(GatewaySolveRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        try
        {
            foreach (var (name, definition) in request.FrontendInputs) job.Inputs[name] = definition;
            var result = await SolveAsync(job, request, context.CancellationToken);
            if (request.Evaluate) await Task.WhenAll(result.References.Select(entry => entry.Reference.RootAsync(context.CancellationToken)));
            return new GatewaySolveResponse { Result = Describe(job, result) };
        }
        catch (Exception error) { throw Refused(error, job); }
    }

    private async Task<FrontendResult> SolveAsync(BuildJob job, GatewaySolveRequest request, CancellationToken cancellation)
    {
        if (request.Frontend is "dockerfile.v0" or "gateway.v0") return await frontend.SolveAsync(job, new FrontendOptions(request.FrontendOpt), cancellation);
        if (request.Frontend.Length > 0) throw WharfException.NotImplemented($"front end {request.Frontend} is not supported");
        if (request.Definition is null || request.Definition.Def.Count == 0) return new FrontendResult([]);
        // The only graphs known here are those that were given out, whole or up to one of their steps.
        if (LlbGraph.HeadOf(request.Definition) is not var (digest, result)) return new FrontendResult([]);
        var reference = (result is null ? null : job.TryFind(result)) ?? job.FindStep(digest);
        return reference is not null ? new FrontendResult([("", reference)]) : throw WharfException.NotImplemented($"builds from LLB are not supported, only steps of the graphs that front end dockerfile.v0 gave: {digest} is none");
    }

    private static Result Describe(BuildJob job, FrontendResult result)
    {
        var described = new Result();
        if (result.References is [{ Key: "" } only]) described.Ref = Describe(only.Reference);
        else if (result.References.Count > 0)
        {
            described.Refs = new RefMap();
            foreach (var (key, reference) in result.References) described.Refs.Refs[key] = Describe(reference);
        }
        foreach (var (key, value) in result.Metadata) described.Metadata[key] = ByteString.CopyFrom(value);
        return described;

        // With its graph the client can walk it, and give it to another build as an input.
        Ref Describe(BuildReference reference) => new() { Id = reference.Id, Def = reference.Graph.Define(reference.Node, reference.Id, job.Dockerfile) };
    }

    public override async Task<ReturnResponse> Return(ReturnRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        if (request.Error is { Code: not 0 } error)
        {
            job.Returned.TrySetException(BuildErrors.ToRpc(error));
            return new ReturnResponse();
        }
        try
        {
            job.Returned.TrySetResult(Read(job, request.Result ?? new Result()));
        }
        catch (WharfException refused)
        {
            job.Returned.TrySetException(refused);
            throw Refused(refused, job);
        }
        return new ReturnResponse();
    }

    private static FrontendResult Read(BuildJob job, Result result)
    {
        var references = result.ResultCase switch
        {
            Result.ResultOneofCase.Ref => result.Ref.Id.Length > 0 ? [("", job.Find(result.Ref.Id))] : [],
            Result.ResultOneofCase.RefDeprecated => result.RefDeprecated.Length > 0 ? [("", job.Find(result.RefDeprecated))] : [],
            Result.ResultOneofCase.Refs => result.Refs.Refs.Select(pair => (pair.Key, job.Find(pair.Value.Id))).ToList(),
            Result.ResultOneofCase.RefsDeprecated => result.RefsDeprecated.Refs.Select(pair => (pair.Key, job.Find(pair.Value))).ToList(),
            _ => new List<(string, BuildReference)>(),
        };
        if (references.Exists(static reference => !reference.Item2.IsTarget)) throw WharfException.NotImplemented("a step on the way cannot be a build's result");
        if (result.Metadata.TryGetValue("refs.platforms", out var platforms)) references = InOrder(references, platforms.ToByteArray());
        return new FrontendResult(references) { Metadata = result.Metadata.ToDictionary(pair => pair.Key, pair => pair.Value.ToByteArray(), StringComparer.Ordinal) };
    }

    /// <summary>The results in the order that the platforms were asked for in: a map has none.</summary>
    private static List<(string, BuildReference)> InOrder(List<(string Key, BuildReference)> references, byte[] platforms)
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(platforms);
            var order = document.RootElement.GetProperty("Platforms").EnumerateArray().Select(static platform => platform.GetProperty("ID").GetString()).ToList();
            return [.. references.OrderBy(reference => order.IndexOf(reference.Key) is >= 0 and var at ? at : int.MaxValue)];
        }
        catch (Exception error) when (error is System.Text.Json.JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw WharfException.Invalid($"invalid refs.platforms: {error.Message}", error);
        }
    }

    public override async Task<EvaluateResponse> Evaluate(EvaluateRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        try
        {
            await job.Find(request.Ref).RootAsync(context.CancellationToken);
            return new EvaluateResponse();
        }
        catch (Exception error) { throw Refused(error, job); }
    }

    public override async Task<InputsResponse> Inputs(InputsRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        var response = new InputsResponse();
        foreach (var (name, definition) in job.Inputs) response.Definitions[name] = definition;
        return response;
    }

    public override async Task<WarnResponse> Warn(WarnRequest request, ServerCallContext context)
    {
        var job = await JobAsync(context);
        var warning = new VertexWarning { Vertex = request.Digest, Level = request.Level, Short = request.Short, Url = request.Url, Info = request.Info };
        warning.Detail.AddRange(request.Detail);
        warning.Ranges.AddRange(request.Ranges);
        job.Log.Add(new StatusResponse { Warnings = { warning } });
        return new WarnResponse();
    }

    public override async Task<ReadFileResponse> ReadFile(ReadFileRequest request, ServerCallContext context)
    {
        using var root = await RootAsync(request.Ref, context);
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(ArchivePlace.Clean(request.FilePath)), O.RDONLY | O.NONBLOCK);
        if (fd < 0) throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"open {request.FilePath}: no such file or directory"));
        using var file = new Fd(fd);
        var stat = FileStat.Of(file);
        if (!stat.IsRegular) throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, $"{request.FilePath} is not a regular file"));
        long offset = request.Range?.Offset ?? 0, length = Math.Min(request.Range is { Length: > 0 } range ? range.Length : stat.Size, stat.Size - offset);
        if (length > MaxRead) throw new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, $"{request.FilePath} is larger than {MaxRead} bytes"));
        var data = new byte[Math.Max(0, length)];
        int count = data.Length == 0 ? 0 : FileAt.ReadAt(file.Value, data, offset);
        return new ReadFileResponse { Data = ByteString.CopyFrom(data, 0, count) };
    }

    public override async Task<ReadDirResponse> ReadDir(ReadDirRequest request, ServerCallContext context)
    {
        using var root = await RootAsync(request.Ref, context);
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(ArchivePlace.Clean(request.DirPath)), O.RDONLY | O.DIRECTORY);
        if (fd < 0) throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"open {request.DirPath}: no such file or directory"));
        using var directory = new Fd(fd);
        var response = new ReadDirResponse();
        foreach (var name in DirectoryEntries.Read(directory.Value))
        {
            var text = Encoding.UTF8.GetString(name);
            if (request.IncludePattern.Length > 0 && !Specs.Build.IgnorePatterns.MatchesPart(request.IncludePattern, text)) continue;
            if (FileAt.Stat(directory.Value, name, out var stat) != 0) continue;
            var entry = Describe(text, stat);
            if (stat.Type == FileStat.S_IFLNK) entry.Linkname = Encoding.UTF8.GetString(FileAt.ReadLink(directory.Value, name));
            response.Entries.Add(entry);
        }
        return response;
    }

    /// <summary>Follows links, within the root.</summary>
    public override async Task<StatFileResponse> StatFile(StatFileRequest request, ServerCallContext context)
    {
        using var root = await RootAsync(request.Ref, context);
        int fd = FileAt.OpenInRoot(root.Value, Encoding.UTF8.GetBytes(ArchivePlace.Clean(request.Path)), O.PATH);
        if (fd < 0) throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"lstat {request.Path}: no such file or directory"));
        using var file = new Fd(fd);
        return new StatFileResponse { Stat = Describe(Path.GetFileName(request.Path), FileStat.Of(file)) };
    }

    private static Wharf.BuildKit.Protocol.Sessions.Stat Describe(string name, in FileStat stat) => new()
    {
        Path = name, Mode = ArchivePlace.GoMode(stat.Mode), Uid = stat.Uid, Gid = stat.Gid, Size = stat.Size, ModTime = stat.ModifiedSeconds * 1_000_000_000 + stat.ModifiedNanoseconds,
    };

    private async Task<Fd> RootAsync(string reference, ServerCallContext context)
    {
        var job = await JobAsync(context);
        try
        {
            return engine.Snapshots.OpenLayers((await job.Find(reference).RootAsync(context.CancellationToken)).ChainId);
        }
        catch (Exception error) { throw Refused(error, job); }
    }

    private static RpcException Refused(Exception error, BuildJob job) =>
        BuildErrors.ToRpc(error, job.GraphOf(error), job.DockerfileName, job.DockerfileText);

    private async Task<BuildJob> JobAsync(ServerCallContext context)
    {
        var id = context.RequestHeaders.GetValue(BuildId) ?? throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, "no buildid found in context"));
        return await jobs.FindAsync(id, context.CancellationToken) is { IsOver: false } job ? job : throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"no such job {id}"));
    }
}
