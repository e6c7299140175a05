namespace Wharf.Runtime.Init;

/// <summary>Which security modules the kernel runs.</summary>
internal static class SecurityModules
{
    public static bool Apparmor => Read("/sys/module/apparmor/parameters/enabled") == "Y";
    public static bool Selinux => File.Exists("/sys/fs/selinux/enforce");

    /// <summary>Where the profile of the next execve is set: AppArmor's own file (5.8) or the one modules share.</summary>
    public static string ApparmorFile => Directory.Exists("/proc/self/attr/apparmor") ? "/proc/thread-self/attr/apparmor/exec" : "/proc/thread-self/attr/exec";

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : "";
}
