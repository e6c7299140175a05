using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>A container's processes as the host's <c>ps</c> shows them, or by podman's columns. Nothing of the container is executed (CVE-2022-1227).</summary>
    public async Task<ContainerTopResponse> TopAsync(string nameOrId, string? arguments, CancellationToken cancellation)
    {
        var container = await SettledAsync(nameOrId, cancellation);
        if (container.State.Status == ContainerStatus.Restarting) throw WharfException.Conflict($"Container {container.Id} is restarting, wait until the container is running");
        if (!container.State.HasProcess) throw NotRunning(container);
        var pids = CgroupRoot.MayMake ? CgroupReader.Of(container.State.Pid)?.Processes() ?? [] : PidNamespace.ProcessesWith(container.State.Pid);
        var response = ProcessTable.Parse(arguments) is { } columns ? ProcessTable.Show(columns, pids) : Parse(await ListAsync(string.IsNullOrWhiteSpace(arguments) ? "-ef" : arguments, pids, cancellation), pids);
        Publish(container, "top");
        return response;
    }

    /// <summary>By number, for of itself ps leaves out what has another terminal than the daemon. Some options (<c>f</c>) cannot be had with that.</summary>
    private static async Task<string> ListAsync(string arguments, IReadOnlySet<int> pids, CancellationToken cancellation)
    {
        var numbers = "-q" + string.Join(',', pids);
        // The kernel takes 128 KiB an argument.
        if (numbers.Length < 100_000 && await RunPsAsync($"{arguments} {numbers}", cancellation) is (0, var some, _)) return some;
        var (code, output, errors) = await RunPsAsync(arguments, cancellation);
        return code == 0 ? output : throw WharfException.Invalid($"ps: {errors.Split('\n')[0]}");
    }

    private static async Task<(int Code, string Output, string Errors)> RunPsAsync(string arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("ps") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync(cancellation);
            var output = await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            return (process.ExitCode, output, await errors);
        }
        catch (Win32Exception error)
        {
            throw new WharfException(ErrorKind.Internal, "ps is not installed on this host", error);
        }
    }

    internal static ContainerTopResponse Parse(string output, IReadOnlySet<int> pids)
    {
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var titles = lines.Length == 0 ? [] : lines[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        int pidColumn = Array.IndexOf(titles, "PID");
        if (pidColumn < 0) throw WharfException.Invalid("Couldn't find PID field in ps output");
        var processes = new List<List<string>>();
        foreach (var line in lines[1..])
        {
            // A single column is split from nothing: what pads it would stay.
            var fields = line.Trim().Split((char[]?)null, titles.Length, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length <= pidColumn || !int.TryParse(fields[pidColumn], NumberStyles.None, CultureInfo.InvariantCulture, out int pid) || !pids.Contains(pid)) continue;
            processes.Add([.. fields.Select(field => field.Trim())]);
        }
        return new ContainerTopResponse { Titles = [.. titles], Processes = processes };
    }
}
