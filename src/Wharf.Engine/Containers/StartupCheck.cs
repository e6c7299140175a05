using System.Globalization;
using System.Text.Json;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>
/// The check that runs in place of the regular one until it has succeeded: <c>--health-startup-cmd</c> and its kin, carried by annotations or
/// labels, for the API has no field for it. <see cref="Successes"/> in a row let the regular check take over; <c>Retries</c> failures in a row
/// end the container, whose restart policy decides what comes next (0: never).
/// </summary>
internal sealed record StartupCheck(HealthConfig Config, long Successes)
{
    public const string Key = "wharf.health-startup-";

    /// <summary>Null when there is none; InvalidArgument for values that are none.</summary>
    public static StartupCheck? Of(HostConfig host, ContainerConfig config)
    {
        string? Value(string name) => (host.Annotations?.GetValueOrDefault(Key + name) ?? config.Labels?.GetValueOrDefault(Key + name)) is { Length: > 0 } text ? text : null;
        if (Value("cmd") is not { } command)
        {
            foreach (var name in new[] { "interval", "retries", "success", "timeout" })
                if (Value(name) is not null) throw WharfException.Invalid($"invalid {Key}{name}: there is no {Key}cmd");
            return null;
        }
        if (config.Healthcheck?.Test is null or [] or ["NONE", ..]) throw WharfException.Invalid($"invalid {Key}cmd: a startup check needs a health check that follows it");
        return new StartupCheck(
            new HealthConfig { Test = Test(command), Interval = Duration("interval"), Timeout = Duration("timeout"), Retries = Count("retries") }, Count("success"));

        long Duration(string name)
        {
            if (Value(name) is not { } text) return 0;
            return ContainerFilters.TryDuration(text, out var time) && time >= TimeSpan.FromMilliseconds(1) ? time.Ticks * 100 : throw WharfException.Invalid($"invalid {Key}{name}: \"{text}\" is not a duration");
        }

        long Count(string name)
        {
            if (Value(name) is not { } text) return 0;
            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : throw WharfException.Invalid($"invalid {Key}{name}: \"{text}\" is not a number");
        }
    }

    /// <summary>A command for the shell, or a JSON array of words that needs none.</summary>
    private static List<string> Test(string command)
    {
        if (!command.StartsWith('[')) return ["CMD-SHELL", command];
        try
        {
            var words = JsonSerializer.Deserialize(command, DockerApiJson.Default.ListString);
            return words is ["CMD" or "CMD-SHELL" or "HTTP" or "TCP", _, ..] ? words : words is { Count: > 0 } ? ["CMD", .. words] : throw WharfException.Invalid($"invalid {Key}cmd: it is empty");
        }
        catch (JsonException)
        {
            // A shell's own bracket: [ -f /ready ]
            return ["CMD-SHELL", command];
        }
    }
}
