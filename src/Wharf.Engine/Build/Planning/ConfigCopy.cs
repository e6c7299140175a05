using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>Copies of configurations that can be changed apart from the original.</summary>
internal static class ConfigCopy
{
    public static OciImageConfig Copy(this OciImageConfig config) => config with
    {
        Env = config.Env is null ? null : [.. config.Env],
        ExposedPorts = config.ExposedPorts is null ? null : new(config.ExposedPorts),
        Volumes = config.Volumes is null ? null : new(config.Volumes),
        Labels = config.Labels is null ? null : new(config.Labels),
        OnBuild = config.OnBuild is null ? null : [.. config.OnBuild],
        Healthcheck = config.Healthcheck is null ? null : config.Healthcheck with { },
    };
}
