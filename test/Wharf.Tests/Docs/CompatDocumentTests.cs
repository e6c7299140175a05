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
    public void Every_operation_is_called_by_a_system_test_with_all_that_a_request_may_say()
    {
        using var reference = new ApiReference();
        var operations = reference.Operations;
        var coverage = Coverage.Read(operations);
        operations.Select(operation => operation.Id).Except(coverage.Keys).ShouldBeEmpty();
        coverage.Keys.Except(operations.Select(operation => operation.Id)).ShouldBeEmpty("tests name operations that do not exist");
        operations.SelectMany(operation => CompatDocument.Asked(operation).Where(name => !Coverage.Has(coverage[operation.Id], name)).Select(name => $"{operation.Id} {name}")).ShouldBeEmpty();
        operations.SelectMany(operation => coverage[operation.Id].Keys.Where(key => key != "" && !Known(operation, key)).Select(key => $"{operation.Id} {key}")).ShouldBeEmpty("tests name parameters that do not exist");
    }

    private static bool Known(ApiOperation operation, string name) => operation.Parameters.Contains(name) || operation.BodyFields.Any(field => field == name || field.StartsWith(name + ".", StringComparison.Ordinal));

    [Fact]
    public void Every_command_and_flag_of_docker_is_there()
    {
        var comparison = CommandComparison.Compare();
        comparison.MissingCommands.ShouldBeEmpty();
        comparison.MissingFlags.ShouldBeEmpty();
    }
}
