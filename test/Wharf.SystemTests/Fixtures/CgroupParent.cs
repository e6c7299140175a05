namespace Wharf.SystemTests.Fixtures;

/// <summary>A cgroup that a test named as the parent of containers: no engine removes such a one, it is the administrator's.</summary>
internal static class CgroupParent
{
    /// <summary>Removes it from every hierarchy, with empty groups left below it.</summary>
    public static void Remove(string name)
    {
        foreach (var group in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup").Select(hierarchy => Path.Combine(hierarchy, name)).Where(Directory.Exists).ToList())
        {
            foreach (var below in Directory.GetDirectories(group)) Directory.Delete(below);
            Directory.Delete(group);
        }
    }
}
