namespace Wharf.Tests.Docs;

/// <summary>The checkout the tests were built in.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "Wharf.slnx"))) return directory.FullName;
        throw new DirectoryNotFoundException("no Wharf.slnx above the tests");
    }
}
