using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Doctor;

/// <summary><c>wharf doctor</c>: kernel, control groups, firewall, network, clock, disk and daemon, and what to do about each. Exit code 1 when something is broken.</summary>
internal sealed class DoctorCommand : Command
{
    private readonly StringFlag dataRoot, format;

    public DoctorCommand()
    {
        dataRoot = Flags.String("data-root", "Where the engine keeps its data", "/var/lib/wharf");
        format = Flags.String("format", "How to print: 'json', or nothing for people");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        List<Finding> findings = [.. KernelChecks.Run(), .. MachineChecks.Run(dataRoot.Value), .. Environment.UserName == "root" ? [] : RootlessChecks.Run(Environment.UserName), await DaemonAsync(cli, cancellationToken)];
        if (format.Value == "json") await cli.Out.WriteLineAsync(ToJson(findings));
        else await PrintAsync(cli, findings);
        return findings.Any(finding => finding.Health == Health.Broken) ? 1 : 0;
    }

    private static async Task<Finding> DaemonAsync(CliContext cli, CancellationToken cancellationToken)
    {
        try
        {
            var version = await cli.Api.GetElementAsync("/version", cancellationToken);
            return new Finding("daemon", Health.Good, $"{version.GetProperty("Platform").GetProperty("Name").GetString()} {version.GetProperty("Version").GetString()} answers, API {version.GetProperty("ApiVersion").GetString()}");
        }
        catch (CliException e)
        {
            return new Finding("daemon", Health.Warning, e.Message, "start it with 'systemctl start wharf' or 'wharf daemon', or name it with -H or DOCKER_HOST");
        }
    }

    private static async Task PrintAsync(CliContext cli, List<Finding> findings)
    {
        bool color = Terminal.ShowsColors(1);
        foreach (var finding in findings)
        {
            var (mark, code) = finding.Health switch
            {
                Health.Good => ("ok", 32),
                Health.Note => ("note", 36),
                Health.Warning => ("warning", 33),
                _ => ("BROKEN", 31),
            };
            var shown = mark.PadRight(8);
            await cli.Out.WriteLineAsync($"{(color ? $"\e[{code}m{shown}\e[0m" : shown)}{finding.Topic}: {finding.Found}");
            if (finding.Advice is { } advice && finding.Health != Health.Good) await cli.Out.WriteLineAsync($"        {advice}");
        }
        int broken = findings.Count(finding => finding.Health == Health.Broken), warnings = findings.Count(finding => finding.Health == Health.Warning);
        await cli.Out.WriteLineAsync(broken + warnings == 0 ? "\nAll is well." : $"\n{broken} broken, {warnings} {(warnings == 1 ? "warning" : "warnings")}.");
    }

    private static string ToJson(List<Finding> findings) => Json.Write(json =>
    {
        json.WriteStartArray();
        foreach (var finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("Topic", finding.Topic);
            json.WriteString("Health", finding.Health.ToString().ToLowerInvariant());
            json.WriteString("Found", finding.Found);
            if (finding.Advice is not null) json.WriteString("Advice", finding.Advice);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });
}
