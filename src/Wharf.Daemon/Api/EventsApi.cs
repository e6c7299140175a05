using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Wharf.Daemon.Http;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Api;

/// <summary><c>GET /events</c>.</summary>
public static class EventsApi
{
    private static readonly string[] ByActor = ["container", "image", "network", "volume", "daemon", "plugin", "service", "node", "secret", "config", "artifact"];

    private static readonly string[] Forms = ["application/json", "application/jsonl", "application/x-ndjson", JsonLines.Sequence];

    public static void Map(ApiRouter router) => router.Get("/events", ListenAsync);

    private static async Task ListenAsync(ApiContext context)
    {
        long? since = ParseTime(context.Query("since"), "since");
        long? until = ParseTime(context.Query("until"), "until");
        if (since > until) throw WharfException.Invalid($"`since` time ({context.Query("since")}) cannot be after `until` time ({context.Query("until")})");
        var filters = context.Filters();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        bool onlyPast = until is not null && until <= Now();
        if (until is not null && !onlyPast) end.CancelAfter(TimeSpan.FromMilliseconds(Math.Min((until.Value - Now()) / 1_000_000 + 1, int.MaxValue)));
        // Before the head: who has read it may start a container at once, and is to hear of that.
        using var heard = context.Engine.Events.Subscribe(since ?? (onlyPast ? 0 : null));
        var lines = context.StartJsonLines(Form(context.Http.Request));
        await context.Http.Response.Body.FlushAsync(context.Cancellation);
        try
        {
            await foreach (var message in heard.ReadAsync(onlyPast, end.Token))
            {
                if (until is not null && message.TimeNano > until) break;
                if (Matches(message, filters)) await lines.WriteAsync(message, DockerApiJson.Default.EventMessage);
            }
        }
        catch (OperationCanceledException) when (!context.Cancellation.IsCancellationRequested) { /* until has come */ }
    }

    /// <summary>The form that <c>Accept</c> puts first of those there are (Engine API 1.52); plain JSON for all else.</summary>
    private static string Form(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList([.. request.Headers.Accept.OfType<string>()], out var wanted)) return Forms[0];
        foreach (var type in wanted.OrderByDescending(type => type.Quality ?? 1))
            if (Array.IndexOf(Forms, type.MediaType.Value ?? "") is >= 0 and var at) return Forms[at];
        return Forms[0];
    }

    /// <summary>Nanoseconds of the Unix epoch from seconds (<c>1700000000.5</c>) or RFC 3339.</summary>
    public static long? ParseTime(string? text, string parameter)
    {
        if (string.IsNullOrEmpty(text)) return null;
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds)) return seconds < long.MaxValue / 1_000_000_000m ? (long)(seconds * 1_000_000_000m) : long.MaxValue; // later than anything
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return (time - DateTimeOffset.UnixEpoch).Ticks * 100;
        throw WharfException.Invalid($"invalid value \"{text}\" for query parameter \"{parameter}\": neither seconds since the epoch nor RFC 3339");
    }

    private static long Now() => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <summary>Values of one key are alternatives, labels excepted; different keys must all match (Engine API, SystemEvents).</summary>
    public static bool Matches(EventMessage message, Filters filters)
    {
        foreach (var (key, values) in filters.All)
        {
            if (values.Count == 0) continue;
            bool any = key switch
            {
                "type" => values.Contains(message.Type!),
                "event" => values.Any(value => message.Action == value || message.Action!.StartsWith(value + ":", StringComparison.Ordinal)),
                "scope" => values.Contains(message.Scope!),
                "label" => values.All(value => HasLabel(message, value)),
                _ when ByActor.Contains(key) => message.Type == key && values.Any(value => IsActor(message, value)),
                _ => true, // dockerd does not look at filters it does not know
            };
            if (!any) return false;
        }
        return true;
    }

    private static bool IsActor(EventMessage message, string value) =>
        message.Actor!.ID!.StartsWith(value, StringComparison.Ordinal) || message.Actor.Attributes!.GetValueOrDefault("name") is { } name && (name == value || name == value + ":latest");

    private static bool HasLabel(EventMessage message, string label)
    {
        int at = label.IndexOf('=');
        return at < 0 ? message.Actor!.Attributes!.ContainsKey(label) : message.Actor!.Attributes!.GetValueOrDefault(label[..at]) == label[(at + 1)..];
    }
}
