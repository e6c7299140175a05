using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Build.Classic;

/// <summary>What one stage tells. It is kept until the stages before it have been told, and told at once from then on.</summary>
internal sealed class StageReport(ClassicReport report) : IProgress<JsonMessage>
{
    /// <summary>Characters of text from where on a process waits.</summary>
    private const int MaxKept = 4 << 20;

    private readonly Lock _lock = new();
    private readonly Queue<Action> _kept = new();
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _length;

    public void Show(string text) => Tell(() => report.Show(text), text.Length);

    public void ShowError(string text) => Tell(() => report.ShowError(text), text.Length);

    /// <summary>Tells of a pull.</summary>
    public void Report(JsonMessage value) => Tell(() => report.Pulls.Report(value), 0);

    /// <summary>Waits while too much is kept.</summary>
    public Task RoomAsync(CancellationToken cancellation)
    {
        lock (_lock) return _length < MaxKept ? Task.CompletedTask : _open.Task.WaitAsync(cancellation);
    }

    /// <summary>Tells what was kept, and all else at once.</summary>
    public void Open()
    {
        lock (_lock)
        {
            while (_kept.TryDequeue(out var tell)) tell();
            _length = 0;
            _open.TrySetResult();
        }
    }

    private void Tell(Action tell, int length)
    {
        lock (_lock)
        {
            if (_open.Task.IsCompleted)
            {
                tell();
                return;
            }
            _kept.Enqueue(tell);
            _length += length;
        }
    }
}
