using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Kernel parameters a container may set: only those that its own namespaces keep apart (CVE-2022-0811: nothing else in the value).</summary>
internal static class SysctlRules
{
    private static readonly string[] Ipc =
    [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    ];

    public static void Check(string key, string value, bool hostNetwork, bool hostIpc, bool hostUts)
    {
        if (key.Any(character => !char.IsAsciiLetterOrDigit(character) && character is not ('.' or '_' or '-' or '/' or ':')) || key.Split('/', '.').Contains(""))
            throw WharfException.Invalid($"invalid sysctl name: \"{key}\"");
        if (value.Contains('\0') || value.Contains('\n')) throw WharfException.Invalid($"invalid value for sysctl \"{key}\"");
        var name = key.Replace('/', '.');
        if (Array.IndexOf(Ipc, name) >= 0 || name.StartsWith("fs.mqueue.", StringComparison.Ordinal))
        {
            if (hostIpc) throw WharfException.Invalid($"sysctl \"{key}\" is not allowed in the hosts ipc namespace");
        }
        else if (name.StartsWith("net.", StringComparison.Ordinal))
        {
            if (hostNetwork) throw WharfException.Invalid($"sysctl \"{key}\" not allowed in host network namespace");
        }
        else if (name is "kernel.domainname" or "kernel.hostname")
        {
            if (hostUts || name == "kernel.hostname") throw WharfException.Invalid($"sysctl \"{key}\" is not allowed as it conflicts with the OCI hostname field");
        }
        else
        {
            throw WharfException.Invalid($"sysctl \"{key}\" is not in a separate kernel namespace");
        }
    }
}
