using Shouldly;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Build.Planning;

/// <summary>What the two builders write into histories and configurations of the same instructions.</summary>
public sealed class ClassicPlanTests
{
    private static readonly ImageRecord Base = new(Digest.OfBytes([1]), new OciImage { Os = "linux", Architecture = "amd64", Config = new OciImageConfig { Env = ["A=1"] }, RootFs = new RootFs() }, [], []);

    private static BuildPlanner Planner(string lines, bool classic, Dictionary<string, string?>? arguments = null) =>
        new(new BuildRequest { DockerfileText = "FROM x\n" + lines + "\n", Hold = null!, Classic = classic, Arguments = arguments ?? [] }, (_, _, _) => Task.FromResult(Base), () => Wharf.Engine.Containers.Devices.CdiRegistry.Load([]));

    private static async Task<PlannedStage> ClassicAsync(string lines, Dictionary<string, string?>? arguments = null)
    {
        var planner = Planner(lines, classic: true, arguments);
        planner.BeginClassic().ShouldBe(0);
        var (stage, triggers) = await planner.BeginStageAsync(0, CancellationToken.None);
        triggers.ShouldBeEmpty();
        foreach (var instruction in planner.Dockerfile.Stages[0].Instructions) await planner.PlanOneAsync(stage, instruction, CancellationToken.None);
        return stage;
    }

    [Theory]
    [InlineData("ENV a=b c=\"d e\"", "/bin/sh -c #(nop)  ENV a=b c=d e", "ENV a=b c=d e")]
    [InlineData("EXPOSE 80 443/tcp", "/bin/sh -c #(nop)  EXPOSE 443/tcp 80", "EXPOSE [443/tcp 80/tcp]")]
    [InlineData("EXPOSE 1.2.3.4:80:81", "/bin/sh -c #(nop)  EXPOSE 1.2.3.4:80:81", "EXPOSE [81/tcp]")]
    [InlineData("CMD x y", "/bin/sh -c #(nop)  CMD [\"/bin/sh\" \"-c\" \"x y\"]", "CMD [\"/bin/sh\" \"-c\" \"x y\"]")]
    [InlineData("CMD", "/bin/sh -c #(nop)  CMD [\"/bin/sh\" \"-c\"]", "CMD [\"/bin/sh\" \"-c\" \"\"]")]
    [InlineData("ENTRYPOINT", "/bin/sh -c #(nop)  ENTRYPOINT []", "ENTRYPOINT [\"/bin/sh\" \"-c\" \"\"]")]
    [InlineData("SHELL [\"/s\"]", "/s #(nop)  SHELL [/s]", "SHELL [/s]")]
    [InlineData("HEALTHCHECK --retries=2 --interval=1m CMD [\"a\",\"b\"]", "/bin/sh -c #(nop)  HEALTHCHECK &{[CMD a b] 1m0s 0s 0s 0s 2}", "HEALTHCHECK &{[\"CMD\" \"a\" \"b\"] \"1m0s\" \"0s\" \"0s\" \"0s\" '\\x02'}")]
    [InlineData("WORKDIR w", "/bin/sh -c #(nop) WORKDIR /w", "WORKDIR /w")]
    [InlineData("WORKDIR /", "/bin/sh -c #(nop) WORKDIR /", "WORKDIR /")]
    [InlineData("USER $nope", "/bin/sh -c #(nop)  USER ", "USER ")]
    [InlineData("COPY f d/ /t/", "/bin/sh -c #(nop) COPY \0 in /t/ ", "COPY f d/ /t/ # buildkit")]
    [InlineData("WORKDIR /w\nCOPY f .", "/bin/sh -c #(nop) COPY \0 in . ", "COPY f . # buildkit")]
    [InlineData("ARG a=1 b", "/bin/sh -c #(nop)  ARG a=1 b", "ARG a=1 b")]
    [InlineData("RUN a  b", "/bin/sh -c a  b", "RUN /bin/sh -c a  b # buildkit")]
    [InlineData("RUN [\"a\",\"b c\"]", "a b c", "RUN a b c # buildkit")]
    [InlineData("ARG b=2\nARG a=1\nARG c\nRUN x", "|2 a=1 b=2 /bin/sh -c x", "RUN |3 b=2 a=1 c= /bin/sh -c x # buildkit")]
    [InlineData("ARG A=2\nRUN x", "/bin/sh -c x", "RUN |1 A=2 /bin/sh -c x # buildkit")]
    [InlineData("ARG A=2\nENV A=3\nRUN x", "/bin/sh -c x", "RUN |1 A=3 /bin/sh -c x # buildkit")]
    [InlineData("COPY --chown=1:2 f /t", "/bin/sh -c #(nop) COPY --chown=1:2 \0 in /t ", "COPY --chown=1:2 f /t # buildkit")]
    [InlineData("ARG TARGETARCH\nRUN x", "/bin/sh -c x", "RUN |1 TARGETARCH=amd64 /bin/sh -c x # buildkit")]
    public async Task Histories_tell_what_was_done(string lines, string classic, string buildKit)
    {
        (await ClassicAsync(lines)).History[^1].Entry.CreatedBy.ShouldBe(classic);
        (await Planner(lines, classic: false).PlanAsync(CancellationToken.None)).Target.History[^1].Entry.CreatedBy!.Replace("arm64", "amd64", StringComparison.Ordinal).ShouldBe(buildKit);
    }

    [Theory]
    [InlineData("CMD []\nENTRYPOINT []", "/bin/sh -c #(nop)  ENTRYPOINT []")]
    [InlineData("ENTRYPOINT [\"e\"]\nENTRYPOINT []\nCMD [\"c\"]\nCMD []", "/bin/sh -c #(nop)  CMD []")]
    public async Task An_empty_command_is_none(string lines, string classic)
    {
        var stage = await ClassicAsync(lines);
        stage.History[^1].Entry.CreatedBy.ShouldBe(classic);
        foreach (var config in new[] { stage.Config, (await Planner(lines, classic: false).PlanAsync(CancellationToken.None)).Target.Config }) (config.Cmd, config.Entrypoint).ShouldBe((null, null));
    }

    [Fact]
    public async Task Arguments_are_shown_as_they_are_written_and_proxies_only_counted()
    {
        var arguments = new Dictionary<string, string?> { ["a"] = "given", ["HTTP_PROXY"] = "p" };
        (await ClassicAsync("ARG a=b", arguments)).History[^1].Entry.CreatedBy.ShouldBe("/bin/sh -c #(nop)  ARG a=b");
        (await ClassicAsync("RUN x", arguments)).History[^1].Entry.CreatedBy.ShouldBe("|0 /bin/sh -c x");
        (await Planner("ARG a=b", classic: false, arguments).PlanAsync(CancellationToken.None)).Target.History[^1].Entry.CreatedBy.ShouldBe("ARG a=given");
    }

    [Fact]
    public async Task A_trigger_of_an_unknown_word_is_kept_and_shows_in_one_history_only()
    {
        var classic = await ClassicAsync("ONBUILD BOGUS x");
        classic.Config.OnBuild.ShouldBe(["BOGUS x"]);
        classic.History[^1].Entry.CreatedBy.ShouldBe("/bin/sh -c #(nop)  ONBUILD BOGUS x");
        var target = (await Planner("ONBUILD BOGUS x", classic: false).PlanAsync(CancellationToken.None)).Target;
        target.Config.OnBuild.ShouldBe(["BOGUS x"]);
        target.History.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("COPY --from=0 a /b", "invalid from flag value 0: refers to current build stage", "circular dependency detected on stage: stage-0")]
    [InlineData("COPY --from=7 a /b", "invalid from flag value 7: index out of bounds", "invalid stage index 7")]
    [InlineData("EXPOSE x", "Invalid containerPort: x", "invalid containerPort: x")]
    [InlineData("EXPOSE 1/x", "Invalid proto: x", "invalid port: \"1/x\": invalid proto: x")]
    [InlineData("ENV a=\"b", "failed to process \"\\\"b\": unexpected end of statement while looking for matching double-quote", "failed to process \"\\\"b\": unexpected end of statement while looking for matching double-quote")]
    [InlineData("STOPSIGNAL x", "invalid signal: x", "invalid signal: x")]
    public async Task What_comes_to_nothing_is_told_without_its_line(string line, string classic, string buildKit)
    {
        (await Should.ThrowAsync<WharfException>(() => ClassicAsync(line))).Message.ShouldBe(classic);
        (await Should.ThrowAsync<WharfException>(() => Planner(line, classic: false).PlanAsync(CancellationToken.None))).Message.ShouldBe(buildKit);
    }
}
