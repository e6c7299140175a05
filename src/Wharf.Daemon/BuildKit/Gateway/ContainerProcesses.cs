using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Gateways;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build.Debugging;
using Wharf.Engine.Shims;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>The processes that a client runs in its build's containers: all of them talk with it through one stream of messages.</summary>
internal sealed class ContainerProcesses(BuildJob job, IServerStreamWriter<ExecMessage> client, CancellationToken cancellation) : IAsyncDisposable
{
    /// <summary>The code of a process of whose end no other is known, and of one that could not be started.</summary>
    private const uint UnknownCode = 255, NotStartedCode = 1;
    private const int StandardInput = 0, StandardError = 2;

    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<string, BuildProcess> _processes = new(StringComparer.Ordinal);
    private readonly List<Task> _following = [];

    /// <summary>Takes messages until the client has no more.</summary>
    public async Task RunAsync(IAsyncStreamReader<ExecMessage> messages)
    {
        while (await messages.MoveNext(cancellation))
        {
            var message = messages.Current;
            if (message.InputCase == ExecMessage.InputOneofCase.Init) await StartAsync(message.ProcessId, message.Init);
            // A process that has just ended is one the client does not know of yet.
            else if (_processes.TryGetValue(message.ProcessId, out var process)) await PassOnAsync(process, message);
        }
    }

    private async Task PassOnAsync(BuildProcess process, ExecMessage message)
    {
        try
        {
            switch (message.InputCase)
            {
                case ExecMessage.InputOneofCase.File when message.File.Fd == StandardInput:
                    if (message.File.Data.Length > 0) await process.WriteAsync(message.File.Data.Memory, cancellation);
                    if (message.File.Eof) process.EndInput();
                    break;
                case ExecMessage.InputOneofCase.Resize: await process.Resize(message.Resize.Rows, message.Resize.Cols); break;
                case ExecMessage.InputOneofCase.Signal: await process.Signal(message.Signal.Name); break;
                default: throw new RpcException(new Grpc.Core.Status(StatusCode.InvalidArgument, $"unexpected message {message.InputCase} for process {message.ProcessId}"));
            }
        }
        catch (Exception error) when (error is ShimException or WharfException { Kind: ErrorKind.NotFound or ErrorKind.Conflict })
        {
            // The process has ended, or its container is being released: the client is told of that by its own message.
        }
        catch (WharfException error)
        {
            throw BuildErrors.ToRpc(error, null, "", "");
        }
    }

    private async Task StartAsync(string id, InitMessage init)
    {
        try
        {
            if (!job.Containers.TryGetValue(init.ContainerId, out var container)) throw WharfException.NotFound($"container {init.ContainerId} not found");
            if (init.Security == SecurityMode.Insecure) LlbBridgeService.Require(job, "security.insecure");
            var process = await container.StartAsync(SetupOf(init), cancellation);
            if (!_processes.TryAdd(id, process))
            {
                await process.DisposeAsync();
                throw WharfException.Conflict($"process {id} already exists");
            }
            await SendAsync(new ExecMessage { ProcessId = id, Started = new StartedMessage() });
            _following.Add(FollowAsync(id, process));
        }
        catch (Exception error) when (error is WharfException or ShimException)
        {
            await SendAsync(new ExecMessage { ProcessId = id, Started = new StartedMessage() });
            if (error is ShimException refused) await SendAsync(Output(id, StandardError, Encoding.UTF8.GetBytes(BuildProcess.WhyNotStarted(refused))));
            await EndAsync(id, error is ShimException ? NotStartedCode : UnknownCode, error is ShimException ? null : error.Message);
        }
    }

    private static BuildProcessSetup SetupOf(InitMessage init)
    {
        var meta = init.Meta ?? new Meta();
        if (meta.Args.Count == 0) throw WharfException.Invalid("the process has no arguments");
        return new BuildProcessSetup
        {
            Command = meta.Args, Environment = meta.Env, User = meta.User, Directory = meta.Cwd.Length > 0 ? meta.Cwd : "/",
            Terminal = init.Tty, Stdin = init.Fds.Contains(StandardInput), Insecure = init.Security == SecurityMode.Insecure,
        };
    }

    /// <summary>Passes on what a process writes, and then how it ended.</summary>
    private async Task FollowAsync(string id, BuildProcess process)
    {
        uint code = UnknownCode;
        string? why = null;
        try
        {
            await process.ReadAsync(async (stream, data) => await SendAsync(Output(id, stream, data)), cancellation);
            code = (uint)await process.Ended.WaitAsync(cancellation);
        }
        catch (Exception error) when (error is WharfException or IOException)
        {
            why = error.Message; // its container is gone
        }
        if (_processes.TryRemove(id, out _)) await process.DisposeAsync();
        await EndAsync(id, code, why);
    }

    private static ExecMessage Output(string id, int stream, ReadOnlyMemory<byte> data) => new() { ProcessId = id, File = new FdMessage { Fd = (uint)stream, Data = ByteString.CopyFrom(data.Span) } };

    private async Task EndAsync(string id, uint code, string? why)
    {
        var exit = new ExitMessage { Code = code };
        if (code != 0) exit.Error = new RpcStatus { Code = (int)StatusCode.Unknown, Message = why ?? $"exit code: {code}" };
        await SendAsync(new ExecMessage { ProcessId = id, Exit = exit });
        await SendAsync(new ExecMessage { ProcessId = id, Done = new DoneMessage() });
    }

    private async Task SendAsync(ExecMessage message)
    {
        await _writing.WaitAsync(cancellation);
        try { await client.WriteAsync(message, cancellation); }
        finally { _writing.Release(); }
    }

    /// <summary>The client has left: what it ran goes with its containers.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.Values) await process.DisposeAsync();
        await Task.WhenAll(_following.Select(static following => following.ContinueWith(static _ => { }, TaskScheduler.Default)));
        _writing.Dispose();
    }
}
