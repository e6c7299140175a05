using System.Text.Json;
using CsCheck;
using Shouldly;
using Wharf.Cli.Output.Templates;
using Xunit;

namespace Wharf.Tests.Cli.Output;

/// <summary>Go templates over the API's JSON: every expectation was seen with the docker CLI.</summary>
public sealed class TemplateTests
{
    private const string Container = """
        {"Id":"abc","Name":"/web","State":{"Status":"running","Running":true,"Pid":42,"Health":null},"RestartCount":0,
         "Config":{"Env":["A=1","B=2"],"Labels":{"a":"b","c":"d"},"Cmd":["sleep","1"],"Entrypoint":null},
         "HostConfig":{"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"LogConfig":{"Type":"json-file","Config":{}}},
         "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2"}},"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}}}
        """;

    private static string Run(string template)
    {
        using var document = JsonDocument.Parse(Container);
        return Template.Parse(template).Execute(TemplateValue.FromJson(document.RootElement));
    }

    [Theory]
    [InlineData("{{.Name}}", "/web")]
    [InlineData("{{.ID}} {{.Id}}", "abc abc")]
    [InlineData("{{.State.Pid}} {{.State.Running}}", "42 true")]
    [InlineData("{{.Config.Env}} {{.Config.Labels}} {{.Config.Entrypoint}}", "[A=1 B=2] map[a:b c:d] []")]
    [InlineData("{{.HostConfig.RestartPolicy}} {{.HostConfig.LogConfig}}", "{no 0} {json-file map[]}")]
    [InlineData("{{json .Config.Env}} {{json .HostConfig.RestartPolicy}} {{json .Config.Entrypoint}}", "[\"A=1\",\"B=2\"] {\"Name\":\"no\",\"MaximumRetryCount\":0} null")]
    [InlineData("{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;")]
    [InlineData("{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{$e}}{{end}}", "A=1,B=2")]
    [InlineData("{{range $k,$v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "a=b c=d ")]
    [InlineData("{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none")]
    [InlineData("{{range .Config.Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}", "A=1")]
    [InlineData("{{if .State.Running}}up{{else}}down{{end}}", "up")]
    [InlineData("{{if eq .Name \"x\"}}1{{else if .RestartCount}}2{{else}}3{{end}}", "3")]
    [InlineData("{{with .State}}{{.Status}}{{end}}", "running")]
    [InlineData("{{with .State.Health}}{{.Status}}{{else}}-{{end}}", "-")]
    [InlineData("{{(index .NetworkSettings.Networks \"bridge\").IPAddress}}", "172.17.0.2")]
    [InlineData("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080")]
    [InlineData("{{index .Config.Labels \"zz\"}}|{{index .Config.Env 1}}", "|B=2")]
    [InlineData("{{len .Config.Env}} {{len .Name}}", "2 4")]
    [InlineData("{{printf \"%s|%6s|%-6s|%d|%05d|%v|%q\" .Name .Name .Name .State.Pid .State.Pid .State.Running .Name}}", "/web|  /web|/web  |42|00042|true|\"/web\"")]
    [InlineData("{{.Name | upper | printf \"%q\"}}", "\"/WEB\"")]
    [InlineData("{{join .Config.Cmd \",\"}} {{split .Name \"e\"}} {{title \"foo bar\"}} {{lower \"AB\"}}", "sleep,1 [/w b] Foo Bar ab")]
    [InlineData("{{pad \"x\" 2 3}}|{{truncate .Name 3}}", "  x   |/we")]
    [InlineData("{{eq 1 1}} {{ne 1 2}} {{lt 1 2}} {{and true .Name}} {{or \"\" \"z\"}} {{not true}}", "true true true /web z false")]
    [InlineData("{{and .State.Health .State.Health.Status}}", "<no value>")]
    [InlineData("{{$x := .Name}}{{$x}} {{$.Id}}", "/web abc")]
    [InlineData("a {{- .Name -}}  b{{/* nothing */}}", "a/webb")]
    [InlineData("{{println .Name}}{{print 1 2 \"a\" 3}}", "/web\n1 2a3")]
    [InlineData("{{slice .Name 1 3}} {{`raw`}} {{\"a\\tb\"}} {{1.5}} {{0x10}}", "we raw a\tb 1.5 16")]
    [InlineData("{{define \"t\"}}<{{.}}>{{end}}{{template \"t\" .Name}}", "</web>")]
    public void Templates_print_what_docker_prints(string template, string output) => Run(template).ShouldBe(output);

    [Theory]
    [InlineData("{{.Name", "template: :1: unclosed action")]
    [InlineData("{{frob .Name}}", "template: :1: function \"frob\" not defined")]
    [InlineData("{{json.}}", "template: :1: unexpected <.> in operand")]
    [InlineData("{{.Name.}}", "template: :1: unexpected <.> in operand")]
    [InlineData("{{range .Config.Env}}", "template: :1: unexpected EOF")]
    [InlineData("{{if}}x{{end}}", "template: :1: missing value for if")]
    [InlineData("{{end}}", "template: :1: unexpected {{end}}")]
    [InlineData("{{break}}", "template: :1: {{break}} outside {{range}}")]
    [InlineData("{{.Nope}}", "template: :1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\"")]
    [InlineData("{{.Config.Nope.X}}", "template: :1:9: executing \"\" at <.Config.Nope.X>: map has no entry for key \"Nope\"")]
    [InlineData("{{.State.Pid.X}}", "template: :1:8: executing \"\" at <.State.Pid.X>: can't evaluate field X in type interface {}")]
    [InlineData("{{index .Config.Env 9}}", "template: :1:2: executing \"\" at <index .Config.Env 9>: error calling index: index out of range: 9")]
    [InlineData("{{nil}}", "template: :1:2: executing \"\" at <nil>: nil is not a command")]
    public void Errors_are_gos(string template, string message) => Should.Throw<TemplateException>(() => Run(template)).Message.ShouldBe(message);

    [Fact]
    public void Rows_escape_html_and_sort_their_names_as_json()
    {
        var row = new TemplateObject { IsRow = true };
        row["Tag"] = "<none>";
        row["ID"] = "a&b";
        row["Label"] = (TemplateMethod)(_ => "");
        Template.Parse("{{json .}}").Execute(row).ShouldBe("{\"ID\":\"a\\u0026b\",\"Tag\":\"\\u003cnone\\u003e\"}");
    }

    [Fact]
    public void A_rows_values_are_named_by_their_types()
        => Should.Throw<TemplateException>(() => Template.Parse("{{.Tag.X}}").Execute(new TemplateObject { IsRow = true, ["Tag"] = "t" })).Message.ShouldBe("template: :1:6: executing \"\" at <.Tag.X>: can't evaluate field X in type string");

    [Theory]
    [InlineData("{{js \"x=<'y'>\"}}", "x\\u003D\\u003C\\'y\\'\\u003E")]
    [InlineData("{{html \"<a b='c'>&é\"}}", "&lt;a b=&#39;c&#39;&gt;&amp;é")]
    [InlineData("{{html `\"`}}{{js `\"`}}", "&#34;\\\"")]
    public void Html_and_scripts_are_escaped(string template, string text) => Run(template).ShouldBe(text);

    [Fact]
    public void Functions_leave_headings_alone() => Template.Parse("{{upper .N}} {{json .N}} {{truncate .N 1}}").Execute(new TemplateObject { ["N"] = "Names" }, isHeading: true).ShouldBe("Names Names Names");

    [Fact]
    public void Any_text_is_either_a_template_or_a_clear_error() => Gen.String[Gen.Char["{}.|$ \"()ab1:=/-*,endifrange"], 0, 40].Sample(text =>
    {
        try
        {
            Run(text);
        }
        catch (TemplateException e)
        {
            return e.Message.StartsWith("template: ", StringComparison.Ordinal);
        }
        return true;
    });

    [Fact]
    public void Nesting_is_bounded() => Should.Throw<TemplateException>(() => Run("{{" + new string('(', 5000)));
}
