using Wharf.Specs.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>The drivers by name.</summary>
internal static class LogDrivers
{
    /// <summary>The log a container asks for; null for none.</summary>
    public static ContainerLog? Open(LogTarget? target) => target?.Driver switch
    {
        null or "none" or "passthrough" => null,
        "json-file" => new JsonFileLog(target),
        "k8s-file" => new K8sFileLog(target),
        "local" => new LocalFileLog(target),
        "syslog" => new RemoteLog(target, new SyslogSender(target)),
        "gelf" => new RemoteLog(target, new GelfSender(target)),
        "fluentd" => new RemoteLog(target, new FluentdSender(target)),
        "journald" => new RemoteLog(target, new JournaldSender(target)),
        "splunk" => new RemoteLog(target, new SplunkSender(target)),
        "awslogs" => new RemoteLog(target, new AwsLogsSender(target)),
        "binary" => new RemoteLog(target, new ProgramSender(target)),
        "gcplogs" => new RemoteLog(target, new GcpLogsSender(target)),
        var other => throw new InvalidOperationException($"unknown log driver {other}"),
    };
}
