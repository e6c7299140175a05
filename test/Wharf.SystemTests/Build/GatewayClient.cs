using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Gateways;

namespace Wharf.SystemTests.Build;

/// <summary>A front end's end of BuildKit's gateway: the calls of it that tests make, for one build.</summary>
internal sealed class GatewayClient(CallInvoker calls, string build)
{
    private CallOptions Options => new(new Metadata { { "buildkit-controlapi-buildid", build } }, DateTime.UtcNow.AddSeconds(60));

    private static Method<TRequest, TResponse> Method<TRequest, TResponse>(MethodType type, string name) where TRequest : class, IMessage<TRequest>, new() where TResponse : class, IMessage<TResponse>, new() =>
        new(type, "moby.buildkit.v1.frontend.LLBBridge", name, Marshaller<TRequest>(), Marshaller<TResponse>());

    private static Marshaller<T> Marshaller<T>() where T : IMessage<T>, new() => new(static message => message.ToByteArray(), new MessageParser<T>(static () => new T()).ParseFrom);

    private Task<TResponse> CallAsync<TRequest, TResponse>(string name, TRequest request) where TRequest : class, IMessage<TRequest>, new() where TResponse : class, IMessage<TResponse>, new() =>
        calls.AsyncUnaryCall(Method<TRequest, TResponse>(MethodType.Unary, name), null, Options, request).ResponseAsync;

    public Task<SolveResponse> SolveAsync(SolveRequest request) => CallAsync<SolveRequest, SolveResponse>("Solve", request);

    public Task<NewContainerResponse> NewContainerAsync(NewContainerRequest request) => CallAsync<NewContainerRequest, NewContainerResponse>("NewContainer", request);

    public AsyncDuplexStreamingCall<ExecMessage, ExecMessage> ExecProcess() => calls.AsyncDuplexStreamingCall(Method<ExecMessage, ExecMessage>(MethodType.DuplexStreaming, "ExecProcess"), null, Options);
}
