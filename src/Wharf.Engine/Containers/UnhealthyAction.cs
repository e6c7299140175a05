using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>What is done with a container that has become unhealthy: <c>--on-unhealthy</c>, an annotation or label for clients that do not know it.</summary>
internal static class UnhealthyAction
{
    public const string Key = "wharf.on-unhealthy";

    /// <summary><c>none</c>, <c>restart</c>, <c>stop</c> or <c>kill</c>; InvalidArgument for anything else.</summary>
    public static string Of(HostConfig host, ContainerConfig config)
    {
        var action = host.Annotations?.GetValueOrDefault(Key) ?? config.Labels?.GetValueOrDefault(Key) ?? "none";
        return action is "none" or "restart" or "stop" or "kill" ? action
            : throw WharfException.Invalid($"invalid {Key}: \"{action}\": must be one of none, restart, stop, kill");
    }
}
