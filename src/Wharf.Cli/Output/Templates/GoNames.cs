namespace Wharf.Cli.Output.Templates;

/// <summary>
/// Docker's client puts API answers into Go structs before a template sees them. Where a struct's field is named otherwise than its JSON,
/// or is left out of the JSON when empty, templates written for docker still find it.
/// </summary>
internal static class GoNames
{
    private static readonly Dictionary<string, string> JsonName = new()
    {
        ["ID"] = "Id",
        ["IPAMConfig"] = "IPAMConfig",
        ["DriverStatus"] = "DriverStatus",
        ["ExecID"] = "ExecId",
        ["ImageID"] = "Image",
        ["APIVersion"] = "ApiVersion",
        ["HTTPProxy"] = "HttpProxy",
        ["HTTPSProxy"] = "HttpsProxy",
        ["CPUCfsPeriod"] = "CpuCfsPeriod",
        ["CPUCfsQuota"] = "CpuCfsQuota",
    };

    private static readonly HashSet<string> NilPointers = ["Healthcheck", "Health", "ImageManifestDescriptor", "Descriptor", "SizeRw", "SizeRootFs", "Init", "UsageData", "StopTimeout", "PidsLimit"];
    private static readonly HashSet<string> EmptyLists = ["Mounts", "Binds", "Shell", "Warnings", "DNSNames", "Aliases"];
    private static readonly HashSet<string> EmptyMaps = ["Annotations", "StorageOpt", "Tmpfs", "Sysctls", "ExposedPorts", "Volumes", "Status", "Labels"];
    private static readonly HashSet<string> EmptyTexts = ["MacAddress", "StopSignal", "Variant", "OsVersion", "Runtime", "Comment", "Parent", "DockerVersion"];

    public static bool TryGet(TemplateObject fields, string name, out object? value)
    {
        value = null;
        return JsonName.TryGetValue(name, out var json) && fields.TryGet(json, out value);
    }

    /// <summary>The zero value of a field that JSON leaves out when it is empty.</summary>
    public static bool IsOptional(string name, out object? absent)
    {
        absent = NilPointers.Contains(name) ? "<nil>" : EmptyTexts.Contains(name) ? "" : EmptyLists.Contains(name) ? NilList.Instance : EmptyMaps.Contains(name) ? new TemplateObject { IsMap = true, TypeName = "nil" } : null;
        return absent is not null;
    }
}
