using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

public sealed class EventTests(EngineFixture engine)
{
    [Fact]
    public async Task The_life_of_a_container_is_told_in_order_with_its_attributes()
    {
        var name = "events-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync("run", "-d", "--name", name, "--label", "colour=red", "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("exec", name, "true")).ShouldExit(0);
        (await engine.DockerAsync("pause", name)).ShouldExit(0);
        (await engine.DockerAsync("unpause", name)).ShouldExit(0);
        (await engine.DockerAsync("rename", name, name + "x")).ShouldExit(0);
        (await engine.DockerAsync("kill", name + "x")).ShouldExit(0);
        (await engine.DockerAsync("rm", name + "x")).ShouldExit(0);
        await Task.Delay(1100); // docker's client cuts --until to whole seconds
        var events = (await engine.DockerAsync("events", "--since", "2m", "--until", "0s", "--filter", "type=container", "--filter", "label=colour=red", "--format", "{{json .}}")).ShouldExit(0)
            .Text.Split('\n').Select(line => JsonNode.Parse(line)!).Where(message => ((string)message["Actor"]!["Attributes"]!["name"]!).StartsWith(name, StringComparison.Ordinal)).ToList();
        events.Select(message => ((string)message["Action"]!).Split(':')[0]).ShouldBe(["create", "start", "exec_create", "exec_start", "exec_die", "pause", "unpause", "rename", "kill", "die", "destroy"]);
        ((string)events[^2]["Actor"]!["Attributes"]!["exitCode"]!).ShouldBe("137");
        ((string)events[^3]["Actor"]!["Attributes"]!["signal"]!).ShouldBe("9");
        ((string)events[7]["Actor"]!["Attributes"]!["oldName"]!).ShouldBe("/" + name);
        events.ShouldAllBe(message => (string?)message["Actor"]!["Attributes"]!["image"] == "busybox");
    }

    [Fact]
    public async Task A_volume_tells_who_mounts_it()
    {
        var name = "events-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync("run", "--name", name, "-v", $"{name}:/data:ro", "busybox", "true")).ShouldExit(0);
        (await engine.DockerAsync("rm", name)).ShouldExit(0);
        (await engine.DockerAsync("volume", "rm", name)).ShouldExit(0);
        await Task.Delay(1100); // docker's client cuts --until to whole seconds
        var events = (await engine.DockerAsync("events", "--since", "2m", "--until", "0s", "--filter", "type=volume", "--filter", "volume=" + name, "--format", "{{json .}}")).ShouldExit(0).Text.Split('\n').Select(line => JsonNode.Parse(line)!).ToList();
        events.Select(message => (string)message["Action"]!).ShouldBe(["create", "mount", "unmount", "destroy"]);
        ((string)events[1]["Actor"]!["Attributes"]!["destination"]!).ShouldBe("/data");
        ((string)events[1]["Actor"]!["Attributes"]!["read/write"]!).ShouldBe("false");
    }

    [Theory]
    [InlineData("application/json-seq", "application/json-seq", "\u001e{")]
    [InlineData("application/json-seq;q=0.5, application/jsonl", "application/jsonl", "{")]
    [InlineData("application/x-ndjson", "application/x-ndjson", "{")]
    [InlineData("text/html, */*", "application/json", "{")]
    public async Task They_come_in_the_form_that_is_asked_for(string accept, string form, string start)
    {
        Assert.SkipUnless(engine.IsWharf, "docker 28 has one form only");
        var name = "events-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync("volume", "create", name)).ShouldExit(0);
        (await engine.DockerAsync("volume", "rm", name)).ShouldExit(0);
        var (stream, head) = await ApiClient.UpgradeAsync(engine, $"events?since=0&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds()}.999&filters=%7B%22volume%22%3A%5B%22{name}%22%5D%7D", headers: $"Accept: {accept}\r\nConnection: close\r\n", method: "GET");
        await using (stream)
        {
            head.ShouldContain($"Content-Type: {form}\r\n");
            var text = await ApiClient.ReadAsync(stream);
            text.ShouldContain(start + "\"Type\":\"volume\"");
            text.Count(character => character == '\u001e').ShouldBe(form.EndsWith("seq", StringComparison.Ordinal) ? 2 : 0);
        }
    }

    [Fact]
    public async Task None_is_lost_between_what_was_and_what_comes()
    {
        var label = "stream-" + Guid.NewGuid().ToString("n")[..8];
        using var api = new ApiClient(engine);
        var since = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1;
        var ids = new List<string>();
        var creating = Task.Run(async () =>
        {
            for (int i = 0; i < 60; i++) ids.Add(await api.CreateAsync($"\"Cmd\":[\"true\"],\"Labels\":{{\"{label}\":\"\"}}"));
        }, TestContext.Current.CancellationToken);
        try
        {
            while (ids.Count < 20) await Task.Delay(1);
            var (stream, _) = await ApiClient.UpgradeAsync(engine, $"events?since={since}&filters=%7B%22label%22:%5B%22{label}%22%5D,%22event%22:%5B%22create%22%5D%7D", headers: "", method: "GET");
            using (stream) (await ApiClient.ReadAsync(stream, text => text.Split("\"create\"").Length > 2 * 60, seconds: 30)).Split("\"Action\":\"create\"").Length.ShouldBe(61);
        }
        finally
        {
            await creating;
            foreach (var id in ids) await api.RemoveAsync(id);
        }
    }
}
