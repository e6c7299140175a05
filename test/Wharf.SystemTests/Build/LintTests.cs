using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary><c>docker build --check</c>: the warnings of BuildKit 0.25, rule by rule, as the client gets them. All of it holds on docker 28 too.</summary>
public sealed class LintTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-lint-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    /// <summary>The warnings; docker has null for none.</summary>
    private static JsonArray Warnings(JsonNode answer) => answer["warnings"] as JsonArray ?? [];

    private async Task<JsonNode> CheckAsync(string dockerfile, params string[] args)
    {
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), dockerfile, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_context, ".dockerignore"), "*.log\nsecret\n", TestContext.Current.CancellationToken);
        var check = await Buildx.RunAsync(engine, ["build", "--call", "check,format=json", .. args, _context]);
        return JsonNode.Parse(check.Out) ?? throw new InvalidDataException(check.Error);
    }

    [Theory]
    [InlineData("FROM busybox AS One\n", "StageNameCasing@1")]
    [InlineData("FROM busybox as one\n", "FromAsCasing@1")]
    [InlineData("FROM busybox\nRUN a \\\n\n b\n", "NoEmptyContinuation@4")]
    [InlineData("FROM busybox\nRUN a\nrun b\n", "ConsistentInstructionCasing@3")]
    [InlineData("FROM busybox AS context\n", "ReservedStageName@1")]
    [InlineData("FROM busybox\nCMD a\nENTRYPOINT b\n", "JSONArgsRecommended@2 JSONArgsRecommended@3")]
    [InlineData("FROM busybox\nMAINTAINER me\n", "MaintainerDeprecated@2")]
    [InlineData("FROM busybox\nWORKDIR a\n", "WorkdirRelativePath@2")]
    [InlineData("FROM scratch\nWORKDIR a\n", "WorkdirRelativePath@2")]
    [InlineData("FROM busybox\nCOPY $nope /\n", "UndefinedVar@2")]
    [InlineData("FROM busybox\nCMD [\"a\"]\nCMD [\"b\"]\n", "MultipleInstructionsDisallowed@2")]
    [InlineData("FROM busybox\nENV a b\nLABEL c d\n", "LegacyKeyValueFormat@2 LegacyKeyValueFormat@3")]
    [InlineData("FROM --platform=$TARGETPLATFORM busybox\n", "RedundantTargetPlatform@1")]
    [InlineData("FROM busybox\nARG MY_TOKEN\nENV A_PASSWORD=x\n", "SecretsUsedInArgOrEnv@2 SecretsUsedInArgOrEnv@3")]
    [InlineData("FROM busybox\nEXPOSE 80/TcP\n", "ExposeProtoCasing@2")]
    [InlineData("FROM busybox\nEXPOSE ${X:-80:80}/TCP\n", "ExposeInvalidFormat@2 ExposeProtoCasing@2")]
    [InlineData("FROM busybox As x\n", "FromAsCasing@1")]
    [InlineData("From busybox as x\n", "ConsistentInstructionCasing@1")]
    [InlineData("FROM busybox\nWORKDIR a\nWORKDIR b\n", "WorkdirRelativePath@2")]
    [InlineData("FROM busybox\nWORKDIR $A\nWORKDIR b\n", "UndefinedVar@2 WorkdirRelativePath@2")]
    [InlineData("FROM busybox AS x\nWORKDIR /a\nFROM x\nWORKDIR b\n", "")]
    [InlineData("FROM busybox AS a\nWORKDIR x\nCOPY $nope /\nFROM busybox AS b\n", "UndefinedVar@3 WorkdirRelativePath@2")]
    [InlineData("FROM busybox\nLABEL a=${FO:-x}\nENV b=${FO+x}\n", "UndefinedVar@2 UndefinedVar@3")]
    [InlineData("FROM busybox\nCOPY <<E /x\n$nope\nE\nCOPY <<'E' /y\n$nope\nE\n", "UndefinedVar@2")]
    [InlineData("ARG A=$B\nFROM busybox\nARG HTTP_PROXY C\nENV a=$HTTP_PROXY$C\n", "")]
    [InlineData("ARG FOO\nFROM $FO\n", "InvalidDefaultArgInFrom@2 UndefinedArgInFrom@2")]
    [InlineData("FROM ${X:-busybox}\n", "UndefinedArgInFrom@1")]
    [InlineData("ARG X\nFROM busybox:$X\n", "InvalidDefaultArgInFrom@2")]
    [InlineData("ARG API_KEY\nFROM busybox\nENV KEY_FILE=a TOKEN_VERSION=b PUBLIC_KEY=c\n", "SecretsUsedInArgOrEnv@3 SecretsUsedInArgOrEnv@3")]
    [InlineData("FROM --platform=linux/amd64 busybox AS build-amd64\nFROM build-amd64\n", "")]
    [InlineData("FROM busybox\nCOPY x.log a.txt /d/\n# not its name\nARG V\n", "")]
    [InlineData("# check=experimental=all\nFROM busybox\nCOPY x.log a.txt /d/\nADD secret/a /d/\n", "CopyIgnoredFile@3 CopyIgnoredFile@4")]
    [InlineData("# check=experimental=CopyIgnoredFile;skip=all\nFROM busybox AS One\nCOPY ./x.log a.txt /d/\nCOPY *.log /e/\n", "CopyIgnoredFile@4")]
    [InlineData("# check=experimental=InvalidDefinitionDescription\n\n# what it is\nARG V=1\n# one is a stage\nFROM busybox AS one\n# first\n# B is the second\nARG A B=2\n# other\n\nARG C\n# other\nARG D E\n", "InvalidDefinitionDescription@12 InvalidDefinitionDescription@14 InvalidDefinitionDescription@4")]
    [InlineData("# check=experimental=all\nFROM busybox AS one\n", "")]
    [InlineData("# check=experimental=all\n\n# a\n#\nFROM busybox AS one\n", "")]
    [InlineData("# check=skip=JSONArgsRecommended,StageNameCasing\nFROM busybox AS One\nCMD a\nMAINTAINER me\n", "MaintainerDeprecated@4")]
    [InlineData("# check=skip=jsonargsrecommended\nFROM busybox\nCMD a\n", "JSONArgsRecommended@3")]
    public async Task Check_tells_what_docker_tells(string dockerfile, string expected)
    {
        var answer = await CheckAsync(dockerfile);
        Warnings(answer).Select(warning => $"{warning!["ruleName"]}@{warning["location"]!["ranges"]![0]!["start"]!["line"]}").Order(StringComparer.Ordinal).ShouldBe(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Words_of_the_rules_on_trial_are_dockers()
    {
        var answer = await CheckAsync("# check=experimental=all\n\n# what\nFROM busybox AS one\nCOPY x.log a.txt /d/\nADD secret /d/\n# which\nARG A B\n");
        Warnings(answer).Select(warning => warning!["detail"]!.GetValue<string>()).Order(StringComparer.Ordinal).ShouldBe([
            "Attempting to Add file \"secret\" that is excluded by .dockerignore", "Attempting to Copy file \"x.log\" that is excluded by .dockerignore",
            "Comment for ARG should follow the format: `# <arg_key> <description>`", "Comment for FROM should follow the format: `# one <description>`"]);
        Warnings(await CheckAsync("FROM busybox\nCMD a\n", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all")).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("# check=error=true\nFROM busybox AS Q\n", "lint violation found for rules: StageNameCasing", 0)]
    [InlineData("FROM busybox AS a$x\n", "dockerfile parse error on line 1: invalid name for build stage: \"a$x\", name can't start with a number or contain symbols", 1)]
    [InlineData("FROM --platform=$NOPE busybox\n", "empty platform value from expression $NOPE", 1)]
    [InlineData("FROM busybox\nVOLUME $z\n", "VOLUME specified can not be an empty string", 2)]
    public async Task What_keeps_a_build_from_being_planned_is_told_with_its_place(string dockerfile, string message, int line)
    {
        var error = (await CheckAsync(dockerfile))["buildError"]!;
        error["message"]!.GetValue<string>().ShouldEndWith(message);
        (error["location"]!["ranges"]?[0]!["start"]!["line"]!.GetValue<int>() ?? 0).ShouldBe(line);
    }

    [Fact]
    public async Task An_instruction_of_several_lines_is_told_line_by_line()
    {
        var ranges = Warnings(await CheckAsync("FROM busybox\nCMD a \\\n b\n")).Single()!["location"]!["ranges"]!.AsArray();
        ranges.Select(range => (range!["start"]!["line"]!.GetValue<int>(), range["end"]!["line"]!.GetValue<int>())).ShouldBe([(2, 2), (3, 3)]);
    }

    [Theory]
    [InlineData("# check=nonsense\nFROM busybox\n", "failed to parse check options: invalid check option \"nonsense\"")]
    [InlineData("# check=other=1\nFROM busybox\n", "failed to parse check options: invalid check option \"other\"")]
    [InlineData("# check=error=maybe\nFROM busybox\n", "check option")]
    [InlineData("# check=error=true\nFROM busybox AS One\nCMD a\n", "lint violation found for rules: ")]
    public async Task A_build_fails_by_what_its_check_directive_says(string dockerfile, string message)
    {
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), dockerfile, TestContext.Current.CancellationToken);
        (await Buildx.RunAsync(engine, ["build", _context])).ShouldExit(1).Error.ShouldContain(message);
    }
}
