using System.Text.Json;
using Shouldly;
using Xunit;

namespace Wharf.Tests.Docs;

public sealed class CompatDocumentTests
{
    private static string Path => System.IO.Path.Combine(Repository.Root, "docs", "compat.md");

    /// <summary>Run by test.sh (and CI), not by every build: it changes with each area's tests. With WHARF_WRITE_DOCS it writes the document (<c>./dev compat</c>).</summary>
    [Fact(Explicit = true)]
    public void Compat_md_is_up_to_date()
    {
        var text = CompatDocument.Write();
        if (Environment.GetEnvironmentVariable("WHARF_WRITE_DOCS") is { Length: > 0 }) File.WriteAllText(Path, text);
        (File.Exists(Path) && File.ReadAllText(Path) == text).ShouldBeTrue("docs/compat.md is out of date: run ./dev compat");
    }

    [Fact]
    public void Every_operation_is_called_by_a_system_test()
    {
        using var reference = JsonDocument.Parse(Repository.Read("src", "Wharf.Daemon", "Api", "engine-api-1.51.json"));
        var operations = reference.RootElement.GetProperty("operations").EnumerateArray().Select(operation => operation.GetProperty("id").GetString()!).ToList();
        operations.Except(Coverage.Read().Keys).ShouldBeEmpty();
        Coverage.Read().Keys.Except(operations).ShouldBeEmpty("tests name operations that do not exist");
    }

    [Fact]
    public void Every_command_and_flag_of_docker_is_there()
    {
        var comparison = CommandComparison.Compare();
        comparison.MissingCommands.ShouldBeEmpty();
        comparison.MissingFlags.ShouldBeEmpty();
    }
}
