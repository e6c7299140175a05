using System.Text;
using Wharf.BuildKit.Protocol.Controls;

namespace Wharf.Cli.Building.Display;

/// <summary>One line of a build: a step, or something the builder does beside.</summary>
internal sealed class TracedStep(string digest, int number)
{
    private const int MaxKept = 64 << 10;
    private readonly StringBuilder output = new();

    public string Digest { get; } = digest;
    public int Number { get; } = number;
    public string Name { get; set; } = "";
    public DateTimeOffset? Started { get; set; }
    public DateTimeOffset? Completed { get; set; }
    public bool IsCached { get; set; }
    public string Error { get; set; } = "";
    /// <summary>Pieces of its work by ID, in the order they came.</summary>
    public List<VertexStatus> Parts { get; } = [];
    /// <summary>The end of what it wrote, each line with the seconds since its start.</summary>
    public string Output => output.ToString();
    /// <summary>Between "[internal]" lines and steps of the Dockerfile there is this difference to a reader.</summary>
    public bool IsInternal => Name.StartsWith("[internal]", StringComparison.Ordinal);
    public bool IsCanceled => Error.EndsWith("context canceled", StringComparison.Ordinal);

    public TimeSpan Elapsed => Started is { } from ? (Completed ?? DateTimeOffset.UtcNow) - from : TimeSpan.Zero;

    public void Append(string text)
    {
        output.Append(text);
        if (output.Length > 2 * MaxKept) output.Remove(0, output.Length - MaxKept);
    }
}

/// <summary>What a build has told so far.</summary>
internal sealed class BuildTrace
{
    private readonly Dictionary<string, TracedStep> byDigest = new(StringComparer.Ordinal);

    public List<TracedStep> Steps { get; } = [];
    public List<VertexWarning> Warnings { get; } = [];

    /// <summary>Takes news in. Gives the steps that they were of, in their order.</summary>
    public List<TracedStep> Add(StatusResponse news)
    {
        var changed = new List<TracedStep>();
        foreach (var vertex in news.Vertexes)
        {
            var step = Of(vertex.Digest);
            step.Name = vertex.Name;
            if (vertex.Started is { } started) step.Started ??= started.ToDateTimeOffset();
            if (vertex.Completed is { } completed) step.Completed = completed.ToDateTimeOffset();
            step.IsCached |= vertex.Cached;
            if (vertex.Error.Length > 0) step.Error = vertex.Error;
            Note(step);
        }
        foreach (var status in news.Statuses)
        {
            var step = Of(status.Vertex);
            int at = step.Parts.FindIndex(part => part.Id == status.Id);
            if (at < 0) step.Parts.Add(status);
            else step.Parts[at] = status;
            Note(step);
        }
        foreach (var log in news.Logs)
        {
            var step = Of(log.Vertex);
            step.Append(log.Msg.ToStringUtf8());
            Note(step);
        }
        Warnings.AddRange(news.Warnings);
        return changed;

        void Note(TracedStep step)
        {
            if (!changed.Contains(step)) changed.Add(step);
        }
    }

    public TracedStep Of(string digest)
    {
        if (byDigest.TryGetValue(digest, out var step)) return step;
        byDigest[digest] = step = new TracedStep(digest, byDigest.Count + 1);
        Steps.Add(step);
        return step;
    }

    /// <summary>The step that made the build fail; null when it was none.</summary>
    public TracedStep? Failed => Steps.Find(static step => step.Error.Length > 0 && !step.IsCanceled);
}
