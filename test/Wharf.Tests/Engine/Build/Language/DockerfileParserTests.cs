using Shouldly;
using Wharf.Engine.Build.Language;
using Xunit;

namespace Wharf.Tests.Engine.Build.Language;

public sealed class DockerfileParserTests
{
    private static Instruction Only(string text) => DockerfileParser.Parse("FROM x\n" + text).Stages[0].Instructions.Single();

    private static DockerfileException Refused(string text) => Should.Throw<DockerfileException>(() => DockerfileParser.Parse(text));

    [Fact]
    public void Stages_have_names_bases_and_platforms()
    {
        var file = DockerfileParser.Parse("ARG V=1\nfrom --platform=$BUILDPLATFORM base:$V as One\nRUN x\nFROM One\nFROM scratch AS last\n");
        file.MetaArgs.Single().Rest.ShouldBe("V=1");
        file.Stages.Select(static stage => (stage.Name, stage.Base)).ShouldBe([("one", "base:$V"), ("", "One"), ("last", "scratch")]);
        file.Stages[0].Platform.ShouldBe("$BUILDPLATFORM");
        file.Stages[0].From.Keyword.ShouldBe("from");
        file.Stages[0].From.Name.ShouldBe("FROM");
    }

    [Fact]
    public void Continued_lines_are_one_instruction_without_its_comments()
    {
        var run = Only("RUN a \\\n  # comment\n\n  b \\\n  c\n");
        run.Rest.ShouldBe("a   b   c");
        (run.FirstLine, run.LastLine).ShouldBe((2, 6));
    }

    [Fact]
    public void Directives_stand_first_and_once()
    {
        var file = DockerfileParser.Parse("# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM x\nRUN a `\n b\\\n");
        file.Directives.ShouldBe(new Dictionary<string, string> { ["syntax"] = "docker/dockerfile:1", ["escape"] = "`", ["check"] = "skip=all" }, ignoreOrder: true);
        file.Stages[0].Instructions.Single().Rest.ShouldBe("a  b\\");
        DockerfileParser.Parse("# a comment\n# escape=`\nFROM x\n").Escape.ShouldBe('\\');
        Refused("# escape=`\n# escape=`\nFROM x\n").Message.ShouldContain("only one escape parser directive can be used");
        Refused("# escape=x\nFROM x\n").Message.ShouldContain("invalid escape token");
    }

    [Fact]
    public void Marks_and_returns_at_the_ends_of_lines_are_no_text() => Only("RUN a\r\n").Rest.ShouldBe("a");

    [Fact]
    public void A_byte_order_mark_is_no_text() => DockerfileParser.Parse("\uFEFFFROM x\n").Stages.Count.ShouldBe(1);

    [Theory]
    [InlineData("COPY --from=a --chown=1:2 x y", new[] { "--from=a", "--chown=1:2" }, "x y")]
    [InlineData("RUN --mount=type=bind,target=/a --network=none -- --x", new[] { "--mount=type=bind,target=/a", "--network=none" }, "--x")]
    [InlineData("COPY --chmod=\"755\" x y", new[] { "--chmod=755" }, "x y")]
    public void Flags_stand_apart(string text, string[] flags, string rest)
    {
        var instruction = Only(text);
        instruction.Flags.ShouldBe(flags);
        instruction.Rest.ShouldBe(rest);
    }

    [Fact]
    public void Here_documents_end_at_their_names()
    {
        var copy = Only("COPY <<a <<-\"b\" /dir/\none $x\na\n\ttwo\n\tb\n");
        copy.Heredocs.Select(static document => (document.Name, document.Content, document.Expand)).ShouldBe([("a", "one $x\n", true), ("b", "two\n", false)]);
        Only("RUN <<EOF cat\n# no comment\n\nEOF\n").Heredocs.Single().Content.ShouldBe("# no comment\n\n");
        var endless = Refused("FROM x\nRUN <<EOF\nnever ends\n");
        (endless.Message, endless.Line, endless.LastLine).ShouldBe(("unterminated heredoc", 2, 3));
        Only("RUN cat <<< word\n").Heredocs.ShouldBeEmpty();
        Only("CMD cat <<EOF\n").Heredocs.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("FROM x\nRUNN y\n", 2, "unknown instruction: RUNN (did you mean RUN?)")]
    [InlineData("FROM x\nNONSENSE y\n", 2, "unknown instruction: NONSENSE")]
    [InlineData("RUN x\n", 1, "no build stage in current context")]
    [InlineData("ARG x\n", 1, "dockerfile contains no stages to build")]
    [InlineData("# only a comment\n", 1, "file with no instructions")]
    [InlineData("FROM x\n\nCOPY --nope x y\n", 3, "unknown flag: --nope")]
    [InlineData("FROM x y\n", 1, "FROM requires either one or three arguments")]
    [InlineData("FROM x AS 1\n", 1, "invalid name for build stage: \"1\", name can't start with a number or contain symbols")]
    [InlineData("FROM x\nENV a\n", 2, "ENV must have two arguments")]
    [InlineData("FROM x\nENV a=b \"c d\"\n", 2, "Syntax error - can't find = in \"\\\"c d\\\"\". Must be of the form: name=value")]
    [InlineData("FROM x\nENV a=b c\n", 2, "Syntax error - can't find = in \"c\". Must be of the form: name=value")]
    [InlineData("FROM x\nLABEL =b\n", 2, "LABEL names can not be blank")]
    [InlineData("FROM x\nrunn y\n", 2, "unknown instruction: runn (did you mean RUN?)")]
    [InlineData("FROM x\nHEALTHCHECK\n", 2, "HEALTHCHECK requires at least one argument")]
    [InlineData("FROM x\nHEALTHCHECK NONE x\n", 2, "HEALTHCHECK NONE takes no arguments")]
    [InlineData("FROM x\nHEALTHCHECK CMD\n", 2, "Missing command after HEALTHCHECK CMD")]
    [InlineData("FROM x\nHEALTHCHECK foo\n", 2, "Unknown type \"FOO\" in HEALTHCHECK (try CMD)")]
    [InlineData("FROM x\nHEALTHCHECK --interval=1us CMD x\n", 2, "Interval \"interval\" cannot be less than 1ms")]
    [InlineData("FROM x\nHEALTHCHECK --timeout=-1s CMD x\n", 2, "Interval \"timeout\" cannot be less than 1ms")]
    [InlineData("FROM x\nHEALTHCHECK --retries=x CMD x\n", 2, "strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("FROM x\nHEALTHCHECK --retries=-1 CMD x\n", 2, "--retries cannot be negative (-1)")]
    [InlineData("FROM x\nONBUILD\n", 2, "ONBUILD requires at least one argument")]
    [InlineData("FROM x\nONBUILD FROM y\n", 2, "FROM isn't allowed as an ONBUILD trigger")]
    [InlineData("FROM x\nSHELL /bin/sh\n", 2, "SHELL requires the arguments to be in JSON form")]
    [InlineData("FROM x\nCOPY a\nFROM y\n", 2, "COPY requires at least two arguments, but only one was provided. Destination could not be determined")]
    public void What_is_wrong_is_told_with_its_line(string text, int line, string problem)
    {
        var error = Refused(text);
        error.Problem.ShouldBe(problem);
        error.Line.ShouldBe(line);
    }

    [Fact]
    public void The_line_is_in_the_text_only_of_an_instruction_that_is_wrong_by_itself()
    {
        Refused("FROM x\nNONSENSE y\n").Message.ShouldBe("dockerfile parse error on line 2: unknown instruction: NONSENSE");
        Refused("FROM x\nENV a\n").Message.ShouldBe("ENV must have two arguments");
        Refused("ARG x\n").Message.ShouldBe("dockerfile contains no stages to build");
    }

    [Fact]
    public void A_line_has_at_most_65535_bytes()
    {
        Only("RUN " + new string('x', 65_531) + "\n").Rest.Length.ShouldBe(65_531);
        Refused("FROM x\nRUN " + new string('x', 65_532) + "\n").Message.ShouldBe("dockerfile line greater than max allowed size of 65535");
        Refused("FROM x\nRUN " + new string('é', 40_000) + "\n").Line.ShouldBe(2);
    }

    [Theory]
    [InlineData("RUN")]
    [InlineData("CMD")]
    [InlineData("ENTRYPOINT")]
    [InlineData("ONBUILD BOGUS x")]
    public void What_docker_takes_is_taken(string text) => Only(text + "\n").Name.ShouldBe(text.Split(' ')[0]);

    [Fact]
    public void Stages_may_share_a_name() => DockerfileParser.Parse("FROM x AS a\nFROM y AS a\n").Stages.Count.ShouldBe(2);

    [Fact]
    public void An_instruction_is_kept_as_it_is_written() => Only("run\techo \\\n x\n").Original.ShouldBe("run\techo  x");

    [Fact]
    public void An_empty_line_inside_of_an_instruction_is_warned_of_and_the_end_of_the_file_is_none()
    {
        DockerfileParser.Parse("FROM x\nRUN a \\\n\n b\n").Warnings.ShouldBe(["Empty continuation line found in: RUN a  b"]);
        DockerfileParser.Parse("FROM x\nRUN a \\\n").Warnings.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("[\"a\", \"b c\"]", new[] { "a", "b c" })]
    [InlineData("[]", new string[0])]
    [InlineData("['a']", null)]
    [InlineData("[\"a\" \"b\"]", null)]
    [InlineData("[1]", null)]
    public void Only_a_list_of_strings_is_the_exec_form(string text, string[]? words) => WordSplit.JsonList(text).ShouldBe(words);

    [Fact]
    public void A_pair_may_be_written_the_old_way()
    {
        WordSplit.Pairs(Only("ENV key the  rest = x"), '\\').ShouldBe([("key", "the  rest = x")]);
        WordSplit.Pairs(Only("ENV a=\"x y\" b='p q' c=r\\ s"), '\\').ShouldBe([("a", "\"x y\""), ("b", "'p q'"), ("c", "r\\ s")]);
    }

    /// <summary>Nothing a Dockerfile holds makes the parser do anything but parse or say what is wrong.</summary>
    [Fact]
    public void Noise_is_parsed_or_refused()
    {
        string[] parts = ["FROM ", "RUN ", "COPY ", "x", " ", "\n", "\\", "\\\n", "\"", "'", "<<E", "E\n", "--a=", "$", "${", "}", "[\"", "\"]", "#", "# escape=`\n", "\t", "\r", "\0", "ENV ", "=", "ONBUILD ", "é"];
        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => parts[random.Next(parts.Length)]));
            try { DockerfileParser.Parse(text); }
            catch (DockerfileException) { /* refused */ }
        }
    }
}
