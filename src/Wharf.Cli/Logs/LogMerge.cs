using System.Globalization;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Logs;

/// <summary>A container whose log is read.</summary>
internal sealed record LogSource(string Id, bool IsTerminal);

/// <summary>What of the logs is wanted, as the API takes it; an empty text is no condition.</summary>
internal sealed record LogChoice
{
    public required bool Details { get; init; }
    public required bool Follow { get; init; }
    public required string Tail { get; init; }
    public required string Since { get; init; }
    public required string Until { get; init; }
}

/// <summary>
/// Several logs as one. What is there already is merged by time, exactly; what comes after is written as it comes. The two are read by two
/// requests each: the second begins with the last entry's time and passes over what the first has shown of that very time.
/// </summary>
internal sealed class LogMerge(CliContext cli, IReadOnlyList<LogSource> sources, LogChoice choice, LogPrinter printer)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var shown = sources.Select(_ => new Shown()).ToArray();
        await MergeAsync(shown, cancellationToken);
        if (!choice.Follow)
        {
            for (var i = 0; i < sources.Count; i++) await printer.FlushAsync(i, cancellationToken);
            return;
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var following = sources.Select((_, i) => FollowAsync(i, shown[i], over.Token)).ToList();
        try
        {
            // The first that fails ends all: who reads the rest would take it for the whole.
            await foreach (var done in Task.WhenEach(following)) await done;
        }
        finally { await over.CancelAsync(); }
    }

    private async Task MergeAsync(Shown[] shown, CancellationToken cancellationToken)
    {
        var responses = new List<ApiResponse>();
        try
        {
            foreach (var source in sources) responses.Add(await RequestAsync(source, choice.Since, choice.Tail, follow: false, cancellationToken));
            var readers = responses.Select((response, i) => new LogEntryReader(response.Body, sources[i].IsTerminal)).ToArray();
            // Of equal times the container named first goes first.
            var heads = new PriorityQueue<LogEntry, (string Time, int Index)>(Comparer<(string Time, int Index)>.Create(
                (a, b) => string.CompareOrdinal(a.Time, b.Time) is not 0 and var order ? order : a.Index.CompareTo(b.Index)));
            for (var i = 0; i < readers.Length; i++) await NextAsync(i);
            while (heads.TryDequeue(out var entry, out var place))
            {
                shown[place.Index].Add(entry.Time);
                await printer.WriteAsync(place.Index, entry, cancellationToken);
                await NextAsync(place.Index);
            }

            async Task NextAsync(int index)
            {
                if (await readers[index].ReadAsync(cancellationToken) is { } entry) heads.Enqueue(entry, (entry.Time, index));
            }
        }
        finally
        {
            foreach (var response in responses) await response.DisposeAsync();
        }
    }

    private async Task FollowAsync(int index, Shown shown, CancellationToken cancellationToken)
    {
        var source = sources[index];
        var (since, tail, skip) = (choice.Since, choice.Tail == "0" ? "0" : "all", 0);
        if (shown.Last is { } last)
        {
            since = ToApi(last);
            // When the tail holds nothing but entries of one time, there may be more of that time before it.
            skip = shown.First == last && shown.Count.ToString(CultureInfo.InvariantCulture) == choice.Tail ? await CountAsync(source, last, cancellationToken) : shown.CountOfLast;
        }
        await using var response = await RequestAsync(source, since, tail, follow: true, cancellationToken);
        var reader = new LogEntryReader(response.Body, source.IsTerminal);
        while (await reader.ReadAsync(cancellationToken) is { } entry)
        {
            if (skip > 0 && entry.Time == shown.Last) skip--;
            else await printer.WriteAsync(index, entry, cancellationToken);
        }
        await printer.FlushAsync(index, cancellationToken);
    }

    private async Task<int> CountAsync(LogSource source, string time, CancellationToken cancellationToken)
    {
        await using var response = await RequestAsync(source, ToApi(time), "all", follow: false, cancellationToken);
        var reader = new LogEntryReader(response.Body, source.IsTerminal);
        var count = 0;
        while (await reader.ReadAsync(cancellationToken) is { } entry && entry.Time == time) count++;
        return count;
    }

    private Task<ApiResponse> RequestAsync(LogSource source, string since, string tail, bool follow, CancellationToken cancellationToken)
    {
        var query = new Query().Add("stdout", true).Add("stderr", true).Add("timestamps", true).Add("details", choice.Details).Add("follow", follow)
            .Add("tail", tail).Add("since", since).Add("until", choice.Until);
        return cli.Api.SendAsync(new ApiRequest("GET", $"/containers/{source.Id}/logs{query}"), cancellationToken);
    }

    /// <summary>Unix seconds with nanoseconds.</summary>
    internal static string ToApi(string time)
    {
        var seconds = DateTimeOffset.ParseExact(time[..19], "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeSeconds();
        return string.Create(CultureInfo.InvariantCulture, $"{seconds}.{time[20..29]}");
    }

    /// <summary>How far one log has been shown.</summary>
    private sealed class Shown
    {
        public string? First { get; private set; }
        public string? Last { get; private set; }
        public int Count { get; private set; }
        public int CountOfLast { get; private set; }

        public void Add(string time)
        {
            First ??= time;
            Count++;
            CountOfLast = time == Last ? CountOfLast + 1 : 1;
            Last = time;
        }
    }
}
