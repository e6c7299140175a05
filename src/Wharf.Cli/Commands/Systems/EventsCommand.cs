using System.Globalization;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output.Templates;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf events</c>.</summary>
internal sealed class EventsCommand : Command
{
    private readonly ListFlag filter;
    private readonly StringFlag format, since, until;

    public EventsCommand()
    {
        filter = Flags.AddFilter();
        format = Flags.AddFormat('\0', "How to print each event: 'json', or a Go template");
        since = Flags.String("since", "From this time on, also what is past");
        until = Flags.String("until", "Stop at this time");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var template = format.Value == "" ? null : Parse(format.Value == "json" ? "{{json .}}" : format.Value);
        var query = new Query().Add("since", TimePoint.ToApi(since.Value, "since")).Add("until", TimePoint.ToApi(until.Value, "until")).AddFilters(filter.Values);
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/events{query}"), cancellationToken);
        await foreach (var message in JsonStream.ReadAsync(response.Body, cancellationToken))
            await cli.Out.WriteLineAsync(template is null ? Line(message) : Execute(template, message, 1));
        return 0;
    }

    /// <summary>A message of which nothing is known: what a template may name.</summary>
    private const string EmptyMessage = """{"status":"","id":"","from":"","Type":"","Action":"","Actor":{"ID":"","Attributes":{}},"scope":"","time":0,"timeNano":0}""";

    private static Template Parse(string format)
    {
        try
        {
            var template = Template.Parse(format);
            using var empty = JsonDocument.Parse(EmptyMessage);
            Execute(template, empty.RootElement, 64);
            return template;
        }
        catch (TemplateException e)
        {
            throw new CliException($"Error parsing format: {e.Message}", 64, e);
        }
    }

    private static string Execute(Template template, JsonElement message, int exitCode)
    {
        var value = (TemplateObject)TemplateValue.FromJson(message)!;
        value.TypeName = "*events.Message";
        try
        {
            return template.Execute(value);
        }
        catch (TemplateException e)
        {
            throw new CliException($"Error parsing format: {e.Message}", exitCode, e);
        }
    }

    private static string Line(JsonElement message)
    {
        var nanoseconds = message.TryGetProperty("timeNano", out var nano) ? nano.GetInt64() : 0;
        var actor = message.TryGetProperty("Actor", out var found) ? found : default;
        var line = $"{Time(nanoseconds)} {Text(message, "Type")} {Text(message, "Action")} {Text(actor, "ID")}";
        if (actor.ValueKind != JsonValueKind.Object || !actor.TryGetProperty("Attributes", out var attributes) || attributes.ValueKind != JsonValueKind.Object) return line;
        var pairs = attributes.EnumerateObject().OrderBy(pair => pair.Name, StringComparer.Ordinal).Select(pair => $"{pair.Name}={pair.Value.GetString()}").ToList();
        return pairs.Count == 0 ? line : $"{line} ({string.Join(", ", pairs)})";
    }

    private static string Text(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    /// <summary>RFC 3339 with all nine digits, in local time.</summary>
    private static string Time(long nanoseconds)
    {
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(nanoseconds / 1_000_000_000), TimeZoneInfo.Local);
        var zone = local.Offset == TimeSpan.Zero ? "Z" : local.ToString("zzz", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{local:yyyy-MM-dd'T'HH:mm:ss}.{nanoseconds % 1_000_000_000:000000000}{zone}");
    }
}
