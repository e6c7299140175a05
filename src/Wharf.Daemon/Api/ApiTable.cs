using Wharf.Daemon.Http;

namespace Wharf.Daemon.Api;

/// <summary>All operations, area by area. Each area registers its own.</summary>
public static class ApiTable
{
    public static ApiRouter Build(BuildKit.BuildKitApi buildKit)
    {
        var router = new ApiRouter();
        SystemApi.Map(router);
        OpenApi.Map(router);
        EventsApi.Map(router);
        RegistryApi.Map(router);
        WharfApi.Map(router);
        JobsApi.Map(router);
        SecretsApi.Map(router);
        ArtifactsApi.Map(router);
        ImagesApi.Map(router);
        ImageFormsApi.Map(router);
        NetworksApi.Map(router);
        VolumesApi.Map(router);
        ClusterApi.Map(router);
        PluginsApi.Map(router);
        DiskUsageApi.Map(router);
        ContainersApi.Map(router);
        ExecApi.Map(router);
        BuildApi.Map(router, buildKit);
        buildKit.Map(router);
        return router;
    }
}
