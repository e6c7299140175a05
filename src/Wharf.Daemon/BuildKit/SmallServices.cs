using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Contents;
using Wharf.BuildKit.Protocol.Healths;
using Wharf.BuildKit.Protocol.Traces;
using Wharf.Daemon.BuildKit.History;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit;

/// <summary>Says that the daemon is there.</summary>
internal sealed class HealthService : Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
}

/// <summary>Takes the spans that clients send of themselves. The daemon keeps none.</summary>
internal sealed class TraceCollector : TraceService.TraceServiceBase
{
    public override Task<ExportTraceServiceResponse> Export(ExportTraceServiceRequest request, ServerCallContext context) => Task.FromResult(new ExportTraceServiceResponse());
}

/// <summary>Blobs that build records name: attestations.</summary>
internal sealed class ContentService(ImageService images, HistoryStore history) : Content.ContentBase
{
    private const int Chunk = 1 << 20;

    public override Task<InfoResponse> Info(InfoRequest request, ServerCallContext context)
    {
        var digest = Parse(request.Digest);
        return Task.FromResult(new InfoResponse { Info = new BlobInfo { Digest = request.Digest, Size = history.BlobSize(digest) ?? images.BlobSize(digest) ?? throw NotFound(request.Digest) } });
    }

    public override async Task Read(ReadContentRequest request, IServerStreamWriter<ReadContentResponse> responseStream, ServerCallContext context)
    {
        var digest = Parse(request.Digest);
        if ((history.BlobSize(digest) ?? images.BlobSize(digest)) is null) throw NotFound(request.Digest);
        await using var blob = history.BlobSize(digest) is null ? images.OpenBlob(digest) : history.OpenBlob(digest);
        var buffer = new byte[Chunk];
        long offset = 0, end = request.Size > 0 ? request.Offset + request.Size : long.MaxValue;
        int count;
        while (offset < end && (count = await blob.ReadAsync(buffer, context.CancellationToken)) > 0)
        {
            int from = (int)Math.Clamp(request.Offset - offset, 0, count), to = (int)Math.Min(count, end - offset);
            if (to > from) await responseStream.WriteAsync(new ReadContentResponse { Offset = offset + from, Data = ByteString.CopyFrom(buffer, from, to - from) }, context.CancellationToken);
            offset += count;
        }
    }

    private static Digest Parse(string text) => Digest.TryParse(text, out var digest) ? digest : throw new RpcException(new Status(StatusCode.InvalidArgument, $"invalid digest {text}"));

    private static RpcException NotFound(string digest) => new(new Status(StatusCode.NotFound, $"content {digest}: not found"));
}
