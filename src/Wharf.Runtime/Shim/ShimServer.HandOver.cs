using Wharf.Linux.Fds;
using Wharf.Runtime.Init;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>Streams of clients that wait for the start of their container (the log driver passthrough).</summary>
internal sealed partial class ShimServer
{
    private readonly Dictionary<string, List<Fd>> _handedOver = [];

    private void HandOver(ShimConnection connection, long seq, HandOverRequest request)
    {
        var files = connection.TakeFiles();
        if (files.Count != 2)
        {
            foreach (var file in files) file.Dispose();
            throw new InvalidOperationException($"{files.Count} descriptors came along, not standard output and error");
        }
        Forget(request.Id);
        _handedOver[request.Id] = files;
        _loop.After(HandOverRequest.Patience, () => { if (_handedOver.GetValueOrDefault(request.Id) == files) Forget(request.Id); });
        connection.Respond(new ShimResponse { Seq = seq });
    }

    /// <summary>What a container writes to that has no log and no pipes of ours; null for one that has.</summary>
    private List<Fd>? TakeStreams(StartRequest request)
    {
        if (request.Log?.Driver != "passthrough") return null;
        if (request.Spec.Process?.Terminal == true) throw new InvalidOperationException("passthrough and a terminal do not go together");
        return _handedOver.Remove(request.Id, out var files) ? files
            : throw new LaunchException("failed to create task for container: failed to initialize logging driver: passthrough writes to the streams of the client that starts the container: start it with wharf run or wharf start", "log", 0, 128);
    }

    private void Forget(string id)
    {
        if (!_handedOver.Remove(id, out var files)) return;
        foreach (var file in files) file.Dispose();
    }
}
