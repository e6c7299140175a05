using Grpc.Core;

namespace Wharf.BuildKit.Transport;

/// <summary>Services by the names that calls have them by. One is made, and its methods are looked at, when the first call of it comes.</summary>
internal sealed class GrpcServices
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Action<ServiceBinderBase>> _waiting = new(StringComparer.Ordinal);
    private readonly Binder _methods = new();

    /// <param name="service">With its package, as in the protocol's own files: <c>moby.buildkit.v1.Control</c>.</param>
    /// <param name="bind">Binds the service's methods by its generated <c>BindService</c>.</param>
    public void Add(string service, Action<ServiceBinderBase> bind) => _waiting.Add(service, bind);

    /// <summary>What answers a call; null when there is no such method.</summary>
    /// <param name="path"><c>/service/method</c></param>
    public Func<GrpcCall, Task>? Find(string path)
    {
        var service = path.LastIndexOf('/') is > 0 and var slash ? path[1..slash] : "";
        lock (_lock)
        {
            if (_waiting.Remove(service, out var bind)) bind(_methods);
            return _methods.Handlers.GetValueOrDefault(path);
        }
    }

    private sealed class Binder : ServiceBinderBase
    {
        public Dictionary<string, Func<GrpcCall, Task>> Handlers { get; } = new(StringComparer.Ordinal);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) => Handlers.Add(method.FullName, async call =>
        {
            var response = await handler!(await ReadOneAsync(method, call), call);
            // Its end comes right behind it.
            call.Write(method.ResponseMarshaller, response);
        });

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) => Handlers.Add(method.FullName, async call =>
            call.Write(method.ResponseMarshaller, await handler!(new GrpcReader<TRequest>(call, method.RequestMarshaller), call)));

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) => Handlers.Add(method.FullName, async call =>
            await handler!(await ReadOneAsync(method, call), new GrpcWriter<TResponse>(call, method.ResponseMarshaller), call));

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) => Handlers.Add(method.FullName, call =>
            handler!(new GrpcReader<TRequest>(call, method.RequestMarshaller), new GrpcWriter<TResponse>(call, method.ResponseMarshaller), call));

        private static async Task<TRequest> ReadOneAsync<TRequest, TResponse>(Method<TRequest, TResponse> method, GrpcCall call) where TRequest : class where TResponse : class =>
            await call.ReadAsync(method.RequestMarshaller, call.CancellationToken) ?? throw new RpcException(new Status(StatusCode.Internal, "the call has no message"));
    }
}
