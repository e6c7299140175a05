using System.Globalization;
using System.Net;
using System.Text.Json;
using Wharf.Daemon.Registry.Scanning;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry scan</c>: what is installed in an image at a wharf registry, and what of it is known to be vulnerable.</summary>
internal static class ScanCommand
{
    public static async Task<int> RunAsync(RegistryArguments arguments, CredentialLookup credentials)
    {
        var name = ImageReference.Parse(arguments.Exactly(1, "wharf registry scan HOST/REPOSITORY[:TAG|@DIGEST] [--platform OS/ARCH] [--packages] [--json] [--exit-code]")[0]).WithDefaultTag();
        var path = $"/api/scan/{name.Path}?reference={Uri.EscapeDataString(name.Digest?.ToString() ?? name.Tag!)}" + (arguments.One("--platform") is { } platform ? "&platform=" + Uri.EscapeDataString(platform) : "");
        using var client = await new RegistrySession(credentials, arguments.All("--insecure-registry")).ConnectAsync(name, false, CancellationToken.None);
        var (status, body) = await client.RequestAsync(HttpMethod.Get, path, null, CancellationToken.None);
        if (status != HttpStatusCode.OK) throw AdminCommands.Refused(status, body);
        var report = JsonSerializer.Deserialize(body, ScanJson.Default.ScanReport) ?? throw WharfException.Unavailable("the registry sent no report");
        if (arguments.Has("--json")) Console.Out.WriteLine(System.Text.Encoding.UTF8.GetString(body));
        else Print(name, report, arguments.Has("--packages"));
        return arguments.Has("--exit-code") && report.Findings.Count > 0 ? 2 : 0;
    }

    private static void Print(ImageReference name, ScanReport report, bool packages)
    {
        Console.Out.WriteLine($"{name.Familiar}  {report.Digest}");
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(report.Os == "" ? "no known system" : report.Os + " " + report.OsVersion)}, {report.Packages.Count} packages, ") + (report.Feed is { } feed
            ? string.Create(CultureInfo.InvariantCulture, $"{report.Findings.Count} findings by advisories of {feed:yyyy-MM-dd}") : "no advisories: the registry has none (\"vulnerabilities\" in its configuration)"));
        foreach (var package in packages ? report.Packages : []) Console.Out.WriteLine($"{package.Name}\t{package.Version}\t{package.Source}\t{package.Type}");
        foreach (var file in report.Skipped ?? []) Console.Out.WriteLine($"not read: {file}");
        foreach (var finding in report.Findings) Console.Out.WriteLine($"{finding.Id}\t{finding.Package}\t{finding.Version}\t{(finding.Fixed is { } repaired ? "fixed in " + repaired : "no fix")}\t{finding.Severity ?? "-"}");
    }
}
