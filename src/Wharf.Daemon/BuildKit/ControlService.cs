using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Wharf.Daemon.BuildKit.Export;
using Wharf.Daemon.BuildKit.Gateway;
using Wharf.Daemon.BuildKit.History;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Daemon.BuildKit.Sessions;
using Wharf.Engine;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Caching;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit;

/// <summary>BuildKit's control service: builds, their progress and history, and the cache.</summary>
internal sealed class ControlService(EngineHost engine, BuildJobs jobs, SessionRegistry sessions, DockerfileFrontend frontend, ExportService exports, HistoryStore history) : Control.ControlBase
{
    public override Task<InfoResponse> Info(InfoRequest request, ServerCallContext context) => Task.FromResult(new InfoResponse { BuildkitVersion = WorkerRecords.Version });

    public override Task<ListWorkersResponse> ListWorkers(ListWorkersRequest request, ServerCallContext context)
    {
        var worker = WorkerRecords.This(engine.Options);
        worker.GcPolicy.AddRange(CachePolicies.ToRecords(engine.Builds.CollectionRules()));
        return Task.FromResult(new ListWorkersResponse { Record = { worker } });
    }

    public override async Task<SolveResponse> Solve(SolveRequest request, ServerCallContext context)
    {
        if (request.Ref.Length == 0) throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, "the build has no reference"));
        await using var job = new BuildJob(request.Ref, request.Session, request, Path.Combine(engine.Options.ExecRoot, "build", "session-" + Guid.NewGuid().ToString("n")), context.CancellationToken) { TraceParent = context.RequestHeaders.GetValue("traceparent") };
        try
        {
            jobs.Add(job);
        }
        catch (WharfException error) { throw BuildErrors.ToRpc(error, null, "", ""); }
        history.Started(job);
        Exception? failed = null;
        var response = new SolveResponse();
        ExportResult? exported = null;
        try
        {
            Allow(request);
            CacheTransfer.Check(job);
            var result = await ResultAsync(job, context.CancellationToken);
            // Answers about a Dockerfile: a client that drives its build itself has them from the gateway, this one from here.
            foreach (var (key, value) in result.Metadata)
                if (key.StartsWith("result.", StringComparison.Ordinal)) response.ExporterResponse[key] = System.Text.Encoding.UTF8.GetString(value);
            exported = await exports.ExportAsync(job, await sessions.GetAsync(job.SessionId, context.CancellationToken), result, context.CancellationToken);
            foreach (var (key, value) in exported.Response) response.ExporterResponse[key] = value;
            return response;
        }
        catch (Exception error)
        {
            failed = error;
            throw Refused(job, error);
        }
        finally
        {
            job.Log.Complete();
            history.Completed(job, exported, failed is null ? null : BuildErrors.ToStatus(failed, job.GraphOf(failed), job.DockerfileName, job.DockerfileText));
            jobs.Remove(job);
        }
    }

    /// <summary>Takes what the client allows its steps only where the daemon's configuration allows it too.</summary>
    private void Allow(SolveRequest request)
    {
        var options = engine.Options.Builder;
        foreach (var entitlement in request.Entitlements)
        {
            bool isDevice = DeviceGrants.IsFor(entitlement);
            bool allowed = entitlement switch { "network.host" => options.HostNetwork, "security.insecure" => options.Insecure, _ => isDevice ? options.Device : throw WharfException.Invalid($"unknown entitlement {entitlement}") };
            if (!allowed) throw WharfException.Invalid($"granting entitlement {(isDevice ? DeviceGrants.Entitlement : entitlement)} is not allowed by build daemon configuration");
        }
    }

    /// <summary>The front end's result: this daemon's own, or what the client's front end makes of it.</summary>
    private async Task<FrontendResult> ResultAsync(BuildJob job, CancellationToken cancellation)
    {
        var request = job.Request;
        foreach (var (name, definition) in request.FrontendInputs) job.Inputs[name] = definition;
        if (request.Frontend is "dockerfile.v0" or "gateway.v0") return await frontend.SolveAsync(job, new FrontendOptions(request.FrontendAttrs), cancellation);
        if (request.Frontend.Length > 0) throw WharfException.NotImplemented($"front end {request.Frontend} is not supported");
        if (request.Definition is { Def.Count: > 0 }) throw WharfException.NotImplemented("builds from LLB are not supported: the front end is dockerfile.v0");
        return await job.Returned.Task.WaitAsync(cancellation);
    }

    /// <summary>A client's session as a call, where the connection is for gRPC alone: the bytes of the connection on which the daemon calls travel as messages.</summary>
    public override async Task Session(IAsyncStreamReader<BytesMessage> requestStream, IServerStreamWriter<BytesMessage> responseStream, ServerCallContext context)
    {
        var id = context.RequestHeaders.GetValue(ClientSession.IdHeader) ?? throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, ClientSession.NoId));
        var methods = context.RequestHeaders.GetAll(ClientSession.MethodHeader).Select(static entry => entry.Value);
        await context.WriteResponseHeadersAsync([]);
        await using var session = new ClientSession(id, context.RequestHeaders.GetValue(ClientSession.SharedKeyHeader) ?? "", methods, new Wharf.BuildKit.Transport.DuplexStream(new CallInput(requestStream), new CallOutput(responseStream)));
        try { await sessions.ServeAsync(session, context.CancellationToken); }
        catch (WharfException error) { throw BuildErrors.ToRpc(error, null, "", ""); }
    }

    private static RpcException Refused(BuildJob job, Exception error) => BuildErrors.ToRpc(error, job.GraphOf(error), job.DockerfileName, job.DockerfileText);

    public override async Task Status(StatusRequest request, IServerStreamWriter<StatusResponse> responseStream, ServerCallContext context)
    {
        // A build leaves the list of those under way only when its record is written: looked for in this order, one that ends just now is found.
        var finding = jobs.FindAsync(request.Ref, context.CancellationToken);
        if (!finding.IsCompleted && history.Find(request.Ref) is { CompletedAt: not null })
        {
            foreach (var status in history.ReadLog(request.Ref)) await responseStream.WriteAsync(status, context.CancellationToken);
            return;
        }
        var job = await finding ?? throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, $"no such job {request.Ref}"));
        await foreach (var status in job.Log.ReadAsync(context.CancellationToken)) await responseStream.WriteAsync(status, context.CancellationToken);
    }

    public override Task<DiskUsageResponse> DiskUsage(DiskUsageRequest request, ServerCallContext context)
    {
        var filter = new CacheFilter(request.Filter);
        return Task.FromResult(new DiskUsageResponse { Record = { engine.Builds.CacheEntries().Where(filter.Admits).Select(ToRecord) } });
    }

    private static UsageRecord ToRecord(CacheEntry entry) => new()
    {
        Id = entry.Id, Mutable = entry.Mutable, InUse = entry.InUse, Size = entry.Size, CreatedAt = Timestamp.FromDateTimeOffset(entry.CreatedAt), LastUsedAt = Timestamp.FromDateTimeOffset(entry.UsedAt),
        UsageCount = (int)entry.Uses, Description = entry.Description, RecordType = entry.Kind, Shared = entry.Shared, Parents = { entry.Parents },
    };

    public override async Task Prune(PruneRequest request, IServerStreamWriter<UsageRecord> responseStream, ServerCallContext context)
    {
        var rule = new PruneRule
        {
            All = request.All, Filters = [.. request.Filter], KeepDuration = TimeSpan.FromMicroseconds(request.KeepDuration / 1000), Reserved = request.ReservedSpace, MaxUsed = request.MaxUsedSpace, MinFree = request.MinFreeSpace,
        };
        var (removed, _) = await engine.Builds.PruneAsync(rule, context.CancellationToken);
        foreach (var entry in removed) await responseStream.WriteAsync(ToRecord(entry), context.CancellationToken);
    }

    public override async Task ListenBuildHistory(BuildHistoryRequest request, IServerStreamWriter<BuildHistoryEvent> responseStream, ServerCallContext context)
    {
        await foreach (var happened in history.ListenAsync(request, context.CancellationToken)) await responseStream.WriteAsync(happened, context.CancellationToken);
    }

    public override Task<UpdateBuildHistoryResponse> UpdateBuildHistory(UpdateBuildHistoryRequest request, ServerCallContext context)
    {
        try
        {
            if (request.Delete) history.Remove(request.Ref);
            else if (!request.Finalize) history.Pin(request.Ref, request.Pinned);
        }
        catch (WharfException error) { throw BuildErrors.ToRpc(error, null, "", ""); }
        return Task.FromResult(new UpdateBuildHistoryResponse());
    }
}
