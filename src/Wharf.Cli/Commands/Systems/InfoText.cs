using System.Globalization;
using System.Text;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary>The daemon's part of <c>info</c> for people.</summary>
internal static class InfoText
{
    public static string Server(SystemInfo info)
    {
        var text = new StringBuilder();
        Line(text, "Containers", info.Containers);
        Line(text, " Running", info.ContainersRunning);
        Line(text, " Paused", info.ContainersPaused);
        Line(text, " Stopped", info.ContainersStopped);
        Line(text, "Images", info.Images);
        Line(text, "Server Version", info.ServerVersion);
        Line(text, "Storage Driver", info.Driver);
        foreach (var pair in (info.DriverStatus ?? []).Where(pair => pair.Count == 2)) Line(text, " " + pair[0], pair[1]);
        Line(text, "Logging Driver", info.LoggingDriver);
        Line(text, "Cgroup Driver", info.CgroupDriver);
        Line(text, "Cgroup Version", info.CgroupVersion);
        AppendPlugins(text, info);
        AppendRuntimes(text, info);
        AppendSecurity(text, info);
        AppendMachine(text, info);
        AppendRest(text, info);
        return text.ToString();
    }

    private static void AppendPlugins(StringBuilder text, SystemInfo info)
    {
        text.Append(" Plugins:\n");
        Line(text, " Volume", string.Join(' ', info.Plugins?.Volume ?? []));
        Line(text, " Network", string.Join(' ', info.Plugins?.Network ?? []));
        if (info.Plugins?.Authorization is { Count: > 0 } authorization) Line(text, " Authorization", string.Join(' ', authorization));
        Line(text, " Log", string.Join(' ', info.Plugins?.Log ?? []));
        if (info.CDISpecDirs is { Count: > 0 } directories)
        {
            text.Append(" CDI spec directories:\n");
            foreach (var directory in directories) text.Append($"  {directory}\n");
        }
        Line(text, "Swarm", info.Swarm?.LocalNodeState ?? "inactive");
    }

    private static void AppendRuntimes(StringBuilder text, SystemInfo info)
    {
        if (info.Runtimes is { Count: > 0 } runtimes) Line(text, "Runtimes", string.Join(' ', runtimes.Keys.Order(StringComparer.Ordinal)));
        Line(text, "Default Runtime", info.DefaultRuntime);
        Line(text, "Init Binary", info.InitBinary);
        Line(text, "containerd version", info.ContainerdCommit?.ID);
        Line(text, "runc version", info.RuncCommit?.ID);
        Line(text, "init version", info.InitCommit?.ID);
    }

    /// <summary>Each option is <c>name=seccomp,profile=builtin</c>.</summary>
    private static void AppendSecurity(StringBuilder text, SystemInfo info)
    {
        if (info.SecurityOptions is not { Count: > 0 } options) return;
        text.Append(" Security Options:\n");
        foreach (var parts in options.Select(option => option.Split(',').Select(CommandLine.KeyValue.Split).ToList()))
        {
            text.Append($"  {parts.FirstOrDefault(part => part.Key == "name").Value}\n");
            foreach (var (key, value) in parts.Where(part => part.Key != "name")) text.Append($"   {(key == "profile" ? "Profile" : key)}: {value}\n");
        }
    }

    private static void AppendMachine(StringBuilder text, SystemInfo info)
    {
        Line(text, "Kernel Version", info.KernelVersion);
        Line(text, "Operating System", info.OperatingSystem);
        Line(text, "OSType", info.OSType);
        Line(text, "Architecture", info.Architecture);
        Line(text, "CPUs", info.NCPU);
        Line(text, "Total Memory", Units.BytesSize(info.MemTotal ?? 0));
        Line(text, "Name", info.Name);
        Line(text, "ID", info.ID);
        Line(text, "Docker Root Dir", info.DockerRootDir);
        Line(text, "Debug Mode", info.Debug);
        if (info.Debug == true)
        {
            Line(text, " File Descriptors", info.NFd);
            Line(text, " Goroutines", info.NGoroutines);
            Line(text, " System Time", info.SystemTime);
            Line(text, " EventsListeners", info.NEventsListener);
        }
    }

    private static void AppendRest(StringBuilder text, SystemInfo info)
    {
        foreach (var (name, value) in new[] { ("HTTP Proxy", info.HttpProxy), ("HTTPS Proxy", info.HttpsProxy), ("No Proxy", info.NoProxy) })
        {
            if (!string.IsNullOrEmpty(value)) Line(text, name, value);
        }
        if (info.Labels is { Count: > 0 } labels)
        {
            text.Append(" Labels:\n");
            foreach (var label in labels) text.Append($"  {label}\n");
        }
        Line(text, "Experimental", info.ExperimentalBuild);
        text.Append(" Insecure Registries:\n");
        foreach (var registry in (info.RegistryConfig?.IndexConfigs ?? []).Where(pair => pair.Value.Secure == false).Select(pair => pair.Key)) text.Append($"  {registry}\n");
        foreach (var range in info.RegistryConfig?.InsecureRegistryCIDRs ?? []) text.Append($"  {range}\n");
        if (info.RegistryConfig?.Mirrors is { Count: > 0 } mirrors)
        {
            text.Append(" Registry Mirrors:\n");
            foreach (var mirror in mirrors) text.Append($"  {mirror}\n");
        }
        Line(text, "Live Restore Enabled", info.LiveRestoreEnabled);
        if (info.DefaultAddressPools is { Count: > 0 } pools)
        {
            text.Append(" Default Address Pools:\n");
            foreach (var pool in pools) text.Append(CultureInfo.InvariantCulture, $"   Base: {pool.Base}, Size: {pool.Size}\n");
        }
        text.Append('\n');
    }

    private static void Line(StringBuilder text, string name, string? value) => text.Append($" {name}: {value}\n");
    private static void Line(StringBuilder text, string name, long? value) => Line(text, name, (value ?? 0).ToString(CultureInfo.InvariantCulture));
    private static void Line(StringBuilder text, string name, bool? value) => Line(text, name, value == true ? "true" : "false");
}
