using Shouldly;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Devices;
using Wharf.Engine.Images;
using Wharf.Specs.Build;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Build.Linting;

/// <summary>Each rule of docker's build checks: what breaks it, and what does not.</summary>
public sealed class DockerfileLinterTests
{
    private static readonly ImageRecord Base = new(Digest.OfBytes([1]), new OciImage { Os = "linux", Architecture = "amd64", Config = new OciImageConfig { Env = ["PATH=/bin"] }, RootFs = new RootFs() }, [], []);

    private static async Task<BuildPlan> PlanAsync(string text, IReadOnlyDictionary<string, string?>? arguments = null)
    {
        var request = new BuildRequest { DockerfileText = text, Hold = null!, Arguments = arguments ?? new Dictionary<string, string?>(), Ignored = _ => Task.FromResult(IgnorePatterns.Parse(["*.log", "!keep.log", "secret"])) };
        return await new BuildPlanner(request, (_, _, _) => Task.FromResult(Base), () => CdiRegistry.Load([])).PlanAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData("StageNameCasing", "FROM x AS One", "Stage name 'One' should be lowercase", 1)]
    [InlineData("DuplicateStageName", "FROM x AS a\nFROM x AS a", "Duplicate stage name \"a\", stage names should be unique", 2)]
    [InlineData("FromAsCasing", "FROM x as one", "'as' and 'FROM' keywords' casing do not match", 1)]
    [InlineData("NoEmptyContinuation", "FROM x\nRUN a \\\n\n b", "Empty continuation line", 4)]
    [InlineData("ConsistentInstructionCasing", "FROM x\nRUN a\nrun b", "Command 'run' should match the case of the command majority (uppercase)", 3)]
    [InlineData("ReservedStageName", "FROM x AS scratch", "Stage name should not use the same name as reserved stage \"scratch\"", 1)]
    [InlineData("JSONArgsRecommended", "FROM x\nCMD a", "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals", 2)]
    [InlineData("MaintainerDeprecated", "FROM x\nMAINTAINER me", "Maintainer instruction is deprecated in favor of using label", 2)]
    [InlineData("UndefinedArgInFrom", "FROM x$V", "FROM argument 'V' is not declared", 1)]
    [InlineData("WorkdirRelativePath", "FROM x\nWORKDIR a", "Relative workdir \"a\" can have unexpected results if the base image changes", 2)]
    [InlineData("UndefinedVar", "FROM x\nCOPY $nope /", "Usage of undefined variable '$nope'", 2)]
    [InlineData("MultipleInstructionsDisallowed", "FROM x\nCMD [\"a\"]\nCMD [\"b\"]", "Multiple CMD instructions should not be used in the same stage because only the last one will be used", 2)]
    [InlineData("LegacyKeyValueFormat", "FROM x\nENV a b", "\"ENV key=value\" should be used instead of legacy \"ENV key value\" format", 2)]
    [InlineData("RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM x", "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior", 1)]
    [InlineData("SecretsUsedInArgOrEnv", "FROM x\nARG MY_TOKEN", "Do not use ARG or ENV instructions for sensitive data (ARG \"MY_TOKEN\")", 2)]
    [InlineData("InvalidDefaultArgInFrom", "ARG T\nFROM x:$T", "Default value for ARG x:$T results in empty or invalid base image name", 2)]
    [InlineData("FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 x", "FROM --platform flag should not use constant value \"linux/amd64\"", 1)]
    [InlineData("ExposeProtoCasing", "FROM x\nEXPOSE 80/TcP", "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase", 2)]
    [InlineData("CopyIgnoredFile", "# check=experimental=all\nFROM x\nCOPY a x.log /d/", "Attempting to Copy file \"x.log\" that is excluded by .dockerignore", 3)]
    [InlineData("CopyIgnoredFile", "# check=experimental=CopyIgnoredFile;skip=all\nFROM x\nADD secret/deep /d/", "Attempting to Add file \"secret/deep\" that is excluded by .dockerignore", 3)]
    [InlineData("InvalidDefinitionDescription", "# check=experimental=all\n\n# what it is\nARG V=1\nFROM x", "Comment for ARG should follow the format: `# V <description>`", 4)]
    [InlineData("InvalidDefinitionDescription", "# check=experimental=InvalidDefinitionDescription\n\n# first\n# second\nFROM x AS one", "Comment for FROM should follow the format: `# one <description>`", 5)]
    [InlineData("InvalidDefinitionDescription", "# check=experimental=all\n\nFROM x\n# two of them\nARG A B=2", "Comment for ARG should follow the format: `# <arg_key> <description>`", 5)]
    [InlineData("InvalidDefinitionDescription", "# check=experimental=all\nFROM x\n# other\n\nARG C", "Comment for ARG should follow the format: `# C <description>`", 5)]
    public async Task A_broken_rule_is_told(string rule, string text, string message, int line)
    {
        var warning = (await PlanAsync(text + "\n", rule == "InvalidDefaultArgInFrom" ? new Dictionary<string, string?> { ["T"] = "1" } : null)).LintWarnings.Single(warning => warning.Rule == rule);
        (warning.Message, warning.Line).ShouldBe((message, line));
    }

    [Theory]
    [InlineData("FROM x AS one\nRUN a\nCMD [\"a\"]\nENV a=b\nWORKDIR /w\nWORKDIR r\nEXPOSE 80/tcp\nARG PUBLIC_KEY\n")]
    [InlineData("from x as one\nrun a\n")]
    [InlineData("FROM --platform=$BUILDPLATFORM x\nSHELL [\"/bin/sh\", \"-c\"]\nCMD a\n")]
    [InlineData("ARG T=1\nFROM x:$T\n")]
    [InlineData("# check=skip=JSONArgsRecommended,MaintainerDeprecated\nFROM x\nCMD a\nMAINTAINER me\n")]
    [InlineData("# check=skip=all\nFROM x as One\nCMD a\n")]
    [InlineData("FROM x AS one\nCOPY x.log /\n# not its name\nARG V\n")]
    [InlineData("# check=experimental=all\n\n# one is the first\nFROM x AS one\n# B is one of both\nARG A B=2\n# C with a line between\n\nARG C\n# also not\n#\nARG D\nCOPY keep.log /\nCOPY --from=other x.log /\n# no definition\nRUN a\n")]
    public async Task What_breaks_no_rule_or_is_skipped_is_not(string text) => (await PlanAsync(text)).LintWarnings.ShouldBeEmpty();

    [Fact]
    public async Task Warnings_are_errors_where_the_Dockerfile_says_so() => (await PlanAsync("# check=error=true\nFROM x\nCMD a\n")).LintViolation.ShouldBe("lint violation found for rules: JSONArgsRecommended");

    [Theory]
    [InlineData("nonsense", "failed to parse check options: invalid check option \"nonsense\"")]
    [InlineData("skip=all;other=1", "failed to parse check options: invalid check option \"other\"")]
    [InlineData("error=maybe", "failed to parse check options: failed to parse check option \"error=maybe\": strconv.ParseBool: parsing \"maybe\": invalid syntax")]
    public async Task A_directive_that_says_nothing_known_is_an_error(string directive, string message) =>
        (await Should.ThrowAsync<WharfException>(() => PlanAsync($"# check={directive}\nFROM x\n"))).Message.ShouldBe(message);
}
