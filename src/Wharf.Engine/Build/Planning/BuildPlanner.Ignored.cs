using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Linting;

namespace Wharf.Engine.Build.Planning;

/// <summary>The rule CopyIgnoredFile, the only one that needs more of the context than the Dockerfile.</summary>
internal sealed partial class BuildPlanner
{
    /// <summary>Tells of sources that the ignore file keeps away. Words are compared as they are written, as BuildKit does.</summary>
    private async Task CheckIgnoredAsync(Instruction instruction, List<string> sources, CancellationToken cancellation)
    {
        const string Rule = "CopyIgnoredFile";
        if (!_lint.Heeds(Rule) || request.Ignored is not { } read) return;
        var ignored = await read(cancellation);
        foreach (var source in sources.Where(source => ignored.Excludes(source) && !(instruction.Name == "ADD" && Solving.AddStep.IsRemote(source))))
            DockerfileLinter.Tell(_lint, instruction, Rule, "Attempting to Copy file that is excluded by .dockerignore", $"Attempting to {(instruction.Name == "ADD" ? "Add" : "Copy")} file \"{source}\" that is excluded by .dockerignore");
    }
}
