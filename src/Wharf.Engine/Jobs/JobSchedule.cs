using Cronos;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Jobs;

/// <summary>When a job is due: a cron expression in a time zone. Hours that a change of the clock skips or repeats are dealt with as Vixie cron does.</summary>
internal sealed class JobSchedule
{
    private readonly CronExpression _expression;
    private readonly TimeZoneInfo _zone;

    private JobSchedule(CronExpression expression, TimeZoneInfo zone) => (_expression, _zone) = (expression, zone);

    /// <summary>Null for an empty text; InvalidArgument for one that is no schedule, and for a zone that is not known.</summary>
    public static JobSchedule? Parse(string? text, string? timeZone)
    {
        var zone = Zone(timeZone);
        if (string.IsNullOrWhiteSpace(text)) return null;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        try { return new JobSchedule(CronExpression.Parse(text, words.Length == 6 ? CronFormat.IncludeSeconds : CronFormat.Standard), zone); }
        catch (CronFormatException error) { throw WharfException.Invalid($"invalid schedule \"{text}\": {error.Message}", error); }
    }

    /// <summary>The first time it is due after this one; null when there is none, as on 30 February.</summary>
    public DateTimeOffset? Next(DateTimeOffset after) => _expression.GetNextOccurrence(after, _zone);

    private static TimeZoneInfo Zone(string? name)
    {
        if (string.IsNullOrEmpty(name)) return TimeZoneInfo.Local;
        return TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : throw WharfException.Invalid($"invalid time zone \"{name}\": it is not in this machine's database");
    }
}
