namespace Wharf.Engine.Build.Classic;

/// <summary>
/// The steps that stages of one build are at. A stage that comes to a step which an earlier stage is at waits for it, and then finds its image; it
/// never waits for a later one, whose output may be waiting to be told.
/// </summary>
internal sealed class UnderwaySteps
{
    private readonly Lock _lock = new();
    private readonly List<Underway> _steps = [];

    /// <summary>Says that a stage is at a step, until what is returned is disposed. Gives the end of the earlier stages at the same.</summary>
    public IDisposable Begin(string key, int stage, out Task earlier)
    {
        var step = new Underway(this, key, stage);
        lock (_lock)
        {
            earlier = Task.WhenAll(_steps.Where(other => other.Key == key && other.Stage < stage).Select(static other => other.Done.Task));
            _steps.Add(step);
        }
        return step;
    }

    private sealed class Underway(UnderwaySteps steps, string key, int stage) : IDisposable
    {
        public string Key => key;
        public int Stage => stage;
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose()
        {
            lock (steps._lock) steps._steps.Remove(this);
            Done.TrySetResult();
        }
    }
}
