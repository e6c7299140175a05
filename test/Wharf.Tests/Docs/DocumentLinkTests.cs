using Shouldly;
using Xunit;

namespace Wharf.Tests.Docs;

/// <summary>Who begins to read in README.md comes to every page, and no link leads nowhere.</summary>
public sealed class DocumentLinkTests
{
    private static readonly string Compat = Path.Combine(Repository.Root, "docs", "compat");

    private static IEnumerable<string> Pages => Directory.EnumerateFiles(Repository.Root, "*.md").Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories));

    private static IEnumerable<string> Targets(string page) => DocumentLinks.In(File.ReadAllText(page)).Select(target => Path.GetFullPath(target, Path.GetDirectoryName(page)!));

    [Fact]
    public void Every_link_leads_to_something() =>
        Pages.SelectMany(page => Targets(page).Where(target => !Path.Exists(target)).Select(target => $"{page} -> {target}")).ShouldBeEmpty();

    [Fact]
    public void Every_page_is_reached_from_the_first()
    {
        HashSet<string> reached = [];
        var next = new Stack<string>([Path.Combine(Repository.Root, "README.md")]);
        while (next.TryPop(out var page))
            if (reached.Add(page))
                foreach (var target in Targets(page).Where(target => target.EndsWith(".md", StringComparison.Ordinal) && File.Exists(target))) next.Push(target);
        // docs/compat.md holds what lies in docs/compat.
        Pages.Where(page => Path.GetDirectoryName(page) != Compat).Except(reached).ShouldBeEmpty();
    }
}
