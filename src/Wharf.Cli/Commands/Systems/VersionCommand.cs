using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output.Templates;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf version</c>.</summary>
internal sealed class VersionCommand : Command
{
    private readonly StringFlag format;

    public VersionCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        JsonElement? server = null;
        CliException? failure = null;
        var apiVersion = "1.51";
        try
        {
            apiVersion = await cli.Api.NegotiateAsync(cancellationToken);
            server = await cli.Api.GetElementAsync("/version", cancellationToken);
        }
        catch (CliException e)
        {
            // The client's own part is known without the daemon.
            failure = e;
        }
        var client = Client(apiVersion, cli.Options.CurrentContext);
        if (format.Value != "") await cli.Out.WriteLineAsync(Formatted(client, server));
        else await cli.Out.WriteAsync(Text(client, server));
        return failure is null ? 0 : throw failure;
    }

    private static List<(string Name, string Heading, string Value)> Client(string apiVersion, string context) =>
    [
        ("Version", "Version:", ClientVersion.Product),
        ("ApiVersion", "API version:", apiVersion),
        ("DefaultAPIVersion", "", "1.51"),
        ("GitCommit", "Git commit:", ClientVersion.ShortCommit),
        ("GoVersion", "Runtime version:", RuntimeInformation.FrameworkDescription),
        ("Os", "", "linux"),
        ("Arch", "", Arch),
        ("BuildTime", "", ""),
        ("Context", "Context:", context),
    ];

    private static string Arch => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64";

    private string Formatted(List<(string Name, string Heading, string Value)> client, JsonElement? server)
    {
        var data = new TemplateObject { TypeName = "system.versionInfo" };
        var own = new TemplateObject { TypeName = "system.clientVersion" };
        foreach (var (name, _, value) in client) own[name] = value;
        data["Client"] = own;
        data["Server"] = server is { } found ? TemplateValue.FromJson(found) : null;
        return Template.Parse(format.Value == "json" ? "{{json .}}" : format.Value).Execute(data);
    }

    private static string Text(List<(string Name, string Heading, string Value)> client, JsonElement? server)
    {
        var text = new StringBuilder("Client:\n");
        foreach (var (name, heading, value) in client.Where(line => line.Heading != ""))
        {
            if (name == "Context") text.Append($" {"OS/Arch:",-18} linux/{Arch}\n");
            text.Append($" {heading,-18} {value}\n");
        }
        if (server is not { } found) return text.ToString();
        text.Append(Platform(found) is { Length: > 0 } platform ? $"\nServer: {platform}\n" : "\nServer:\n");
        foreach (var component in Array(found, "Components")) AppendComponent(text, component);
        return text.ToString();
    }

    private static void AppendComponent(StringBuilder text, JsonElement component)
    {
        text.Append($" {String(component, "Name")}:\n  {"Version:",-17} {String(component, "Version")}\n");
        if (!component.TryGetProperty("Details", out var details) || details.ValueKind != JsonValueKind.Object) return;
        if (String(component, "Name") != "Engine")
        {
            foreach (var detail in details.EnumerateObject()) text.Append($"  {detail.Name + ":",-17} {detail.Value}\n");
            return;
        }
        text.Append($"  {"API version:",-17} {String(details, "ApiVersion")} (minimum version {String(details, "MinAPIVersion")})\n");
        text.Append($"  {(String(details, "GoVersion").StartsWith("go", StringComparison.Ordinal) ? "Go version:" : "Runtime version:"),-17} {String(details, "GoVersion")}\n");
        text.Append($"  {"Git commit:",-17} {String(details, "GitCommit")}\n");
        text.Append($"  {"Built:",-17} {String(details, "BuildTime")}\n");
        text.Append($"  {"OS/Arch:",-17} {String(details, "Os")}/{String(details, "Arch")}\n");
        text.Append($"  {"Experimental:",-17} {String(details, "Experimental")}\n");
    }

    private static string Platform(JsonElement server) => server.TryGetProperty("Platform", out var platform) && platform.ValueKind == JsonValueKind.Object ? String(platform, "Name") : "";
    private static string String(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";
    private static IEnumerable<JsonElement> Array(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
}
