using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf port</c>.</summary>
internal sealed class PortCommand : Command
{
    public override string Usage => "CONTAINER [PRIVATE_PORT[/PROTO]]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var container = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/json", DockerApiJson.Default.ContainerInspectResponse, cancellationToken);
        var ports = container.NetworkSettings?.Ports ?? [];
        if (arguments.Count == 1)
        {
            foreach (var (port, bindings) in ports.OrderBy(pair => Number(pair.Key)).ThenBy(pair => pair.Key, StringComparer.Ordinal))
            {
                foreach (var binding in bindings ?? []) await cli.Out.WriteLineAsync($"{port} -> {Join(binding)}");
            }
            return 0;
        }
        var wanted = arguments[1].Contains('/') ? arguments[1] : arguments[1] + "/tcp";
        if (!ushort.TryParse(wanted.AsSpan(0, wanted.IndexOf('/')), NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw new CliException($"Error: invalid port ({arguments[1]}): strconv.ParseUint: parsing {Output.Quoting.Quote(wanted[..wanted.IndexOf('/')])}: {(wanted.IndexOf('/') > 0 && wanted[..wanted.IndexOf('/')].All(char.IsAsciiDigit) ? "value out of range" : "invalid syntax")}");
        if (!ports.TryGetValue(wanted, out var found) || found is not { Count: > 0 }) throw new CliException($"Error: No public port '{arguments[1]}' published for {arguments[0]}");
        foreach (var binding in found) await cli.Out.WriteLineAsync(Join(binding));
        return 0;
    }

    private static int Number(string port) => int.TryParse(port.AsSpan(0, Math.Max(0, port.IndexOf('/'))), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    private static string Join(PortBinding binding) => binding.HostIp?.Contains(':') == true ? $"[{binding.HostIp}]:{binding.HostPort}" : $"{binding.HostIp}:{binding.HostPort}";
}
