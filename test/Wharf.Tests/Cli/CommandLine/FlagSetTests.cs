using Shouldly;
using Wharf.Cli.CommandLine;
using Xunit;

namespace Wharf.Tests.Cli.CommandLine;

/// <summary>The parser follows docker's (pflag's) rules.</summary>
public sealed class FlagSetTests
{
    private readonly FlagSet flags = new();
    private readonly BoolFlag interactive, tty, remove;
    private readonly StringFlag name;
    private readonly ListFlag publish;
    private readonly IntFlag last;
    private readonly BytesFlag memory;

    public FlagSetTests()
    {
        interactive = flags.Bool("interactive", 'i', "");
        tty = flags.Bool("tty", 't', "");
        remove = flags.Bool("rm", "");
        name = flags.String("name", "");
        publish = flags.List("publish", 'p', "");
        last = flags.Int("last", 'n', "");
        memory = flags.Bytes("memory", 'm', "");
    }

    [Fact]
    public void Short_switches_may_stand_together()
    {
        flags.Parse(["-it", "busybox"]).ShouldBe(["busybox"]);
        interactive.Value.ShouldBeTrue();
        tty.Value.ShouldBeTrue();
    }

    [Theory]
    [InlineData("-p80:80")]
    [InlineData("-p=80:80")]
    [InlineData("--publish=80:80")]
    public void A_value_may_be_joined_to_its_flag(string word)
    {
        flags.Parse([word]).ShouldBeEmpty();
        publish.Values.ShouldBe(["80:80"]);
    }

    [Fact]
    public void A_value_may_follow_its_flag_even_if_it_looks_like_one()
    {
        flags.Parse(["--name", "--rm", "-itp", "80"]).ShouldBeEmpty();
        name.Value.ShouldBe("--rm");
        remove.Changed.ShouldBeFalse();
        publish.Values.ShouldBe(["80"]);
    }

    [Fact]
    public void A_repeated_flag_keeps_every_value_of_a_list_and_the_last_of_a_text()
    {
        flags.Parse(["-p", "1", "-p", "2", "--name", "a", "--name=b"]);
        publish.Values.ShouldBe(["1", "2"]);
        name.Value.ShouldBe("b");
    }

    [Fact]
    public void A_switch_may_be_turned_off()
    {
        flags.Parse(["--rm=false", "-i=false"]);
        remove.Value.ShouldBeFalse();
        remove.Changed.ShouldBeTrue();
        interactive.Value.ShouldBeFalse();
    }

    [Fact]
    public void Words_after_the_image_belong_to_its_command()
    {
        flags.Interspersed = false;
        flags.Parse(["--rm", "busybox", "ls", "--name", "x", "-it"]).ShouldBe(["busybox", "ls", "--name", "x", "-it"]);
        name.Changed.ShouldBeFalse();
    }

    [Fact]
    public void Elsewhere_flags_may_follow_arguments()
    {
        flags.Parse(["a", "--name", "x", "b"]).ShouldBe(["a", "b"]);
        name.Value.ShouldBe("x");
    }

    [Fact]
    public void Two_dashes_end_the_flags() => flags.Parse(["--rm", "--", "--name", "-x"]).ShouldBe(["--name", "-x"]);

    [Fact]
    public void One_dash_is_an_argument() => flags.Parse(["-", "--rm"]).ShouldBe(["-"]);

    [Theory]
    [InlineData("unknown flag: --frob", "--frob")]
    [InlineData("unknown flag: --frob", "--frob=1")]
    [InlineData("unknown shorthand flag: 'x' in -xq", "-xq")]
    [InlineData("unknown shorthand flag: 'x' in -x", "-ix")]
    [InlineData("flag needs an argument: --name", "--name")]
    [InlineData("flag needs an argument: 'm' in -m", "-im")]
    [InlineData("invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax", "-n", "x")]
    [InlineData("invalid argument \"foo\" for \"-m, --memory\" flag: invalid size: 'foo'", "--memory=foo")]
    [InlineData("invalid argument \"2\" for \"--rm\" flag: strconv.ParseBool: parsing \"2\": invalid syntax", "--rm=2")]
    [InlineData("bad flag syntax: --=x", "--=x")]
    public void What_is_wrong_is_told_in_dockers_words(string message, params string[] words)
    {
        var error = Should.Throw<UsageException>(() => flags.Parse(words));
        error.Message.ShouldBe(message);
        error.ExitCode.ShouldBe(125);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Help_is_known_to_every_command(string word) => Should.Throw<HelpRequestedException>(() => flags.Parse([word]));

    [Fact]
    public void Numbers_and_sizes_are_read()
    {
        flags.Parse(["-n", "-1", "-m", "1.5g"]);
        last.Value.ShouldBe(-1);
        memory.Value.ShouldBe(1610612736);
    }
}
