using System.Formats.Tar;
using System.Net.Sockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>What clients send that no command line does: null where a value belongs, numbers out of range, patterns, streams nobody reads. All of it holds on docker 28 too.</summary>
public sealed class WireTests(EngineFixture engine) : IDisposable
{
    private readonly string _name = $"wire-{Guid.NewGuid().ToString("N")[..8]}";
    private readonly EngineApi _api = new(engine.SocketPath);

    public void Dispose() => _api.Dispose();

    private async Task<ApiAnswer> CreateAsync(string fields) => await _api.PostAsync($"/containers/create?name={_name}", $$"""{"Image":"busybox:latest","Cmd":["sleep","1000"],{{fields}}}""");

    private async Task<ApiAnswer> MakeAsync(string fields)
    {
        var made = await CreateAsync(fields);
        made.Status.ShouldBe(201, made.Text);
        var shown = await _api.GetAsync($"/containers/{_name}/json");
        await _api.DeleteAsync($"/containers/{_name}?force=1&v=1");
        return shown;
    }

    [Fact]
    public async Task Null_in_a_list_or_map_is_the_empty_value()
    {
        var config = (await MakeAsync("""  "Labels":{"a":null},"OnBuild":[null],"Shell":[null],"Volumes":{"/x":null}  """)).Json["Config"]!;
        config["Labels"]!.ToJsonString().ShouldBe("""{"a":""}""");
        config["OnBuild"]!.ToJsonString().ShouldBe("""[""]""");
        config["Shell"]!.ToJsonString().ShouldBe("""[""]""");
        config["Volumes"]!.ToJsonString().ShouldBe("""{"/x":{}}""");
        var host = (await MakeAsync("""  "HostConfig":{"GroupAdd":[null],"DnsSearch":[null],"Devices":[null],"DeviceRequests":[null],"Annotations":{"a":null}}  """)).Json["HostConfig"]!;
        host["GroupAdd"]!.ToJsonString().ShouldBe("""[""]""");
        host["DnsSearch"]!.ToJsonString().ShouldBe("""[""]""");
        host["Annotations"]!.ToJsonString().ShouldBe("""{"a":""}""");
        host["Devices"]![0]!["PathOnHost"]!.GetValue<string>().ShouldBe("");
        host["DeviceRequests"]![0]!.ToJsonString().ShouldBe("""{"Driver":"","Count":0,"DeviceIDs":null,"Capabilities":null,"Options":null}""");
    }

    [Theory]
    [InlineData("""  "Env":[null]  """, "invalid environment variable: ")]
    [InlineData("""  "HostConfig":{"CapAdd":[null]}  """, "invalid CapAdd: unknown capability: \"CAP_\"")]
    [InlineData("""  "HostConfig":{"CapDrop":"x"}  """, "invalid CapDrop: unknown capability: \"CAP_X\"")]
    [InlineData("""  "HostConfig":{"ExtraHosts":[null]}  """, "bad format for add-host: \"\"")]
    [InlineData("""  "HostConfig":{"ExtraHosts":["a:1.2.3"]}  """, "invalid IP address in add-host: \"1.2.3\"")]
    [InlineData("""  "HostConfig":{"ExtraHosts":["a:[::1]"]}  """, "invalid IP address in add-host: \"[::1]\"")]
    [InlineData("""  "HostConfig":{"VolumesFrom":[null]}  """, "volumes-from specification cannot be an empty string")]
    [InlineData("""  "HostConfig":{"VolumesFrom":[":ro"]}  """, "invalid name or ID supplied: \"\"")]
    [InlineData("""  "HostConfig":{"Mounts":[null]}  """, "invalid mount config for type \"\": field Target must not be empty")]
    [InlineData("""  "HostConfig":{"BlkioWeight":-1}  """, "invalid JSON: json: cannot unmarshal number -1 into Go struct field .HostConfig.BlkioWeight of type uint16")]
    [InlineData("""  "HostConfig":{"BlkioWeight":70000}  """, "invalid JSON: json: cannot unmarshal number 70000 into Go struct field .HostConfig.BlkioWeight of type uint16")]
    [InlineData("""  "HostConfig":{"CpusetCpus":"9999"}  """, "Invalid value 9999 for cpuset cpus: value of out range, maximum is 8192")]
    [InlineData("""  "HostConfig":{"CpusetCpus":" 0"}  """, "Invalid value  0 for cpuset cpus: invalid format:  0")]
    public async Task What_cannot_be_is_refused_in_dockers_words(string fields, string message)
    {
        var answer = await CreateAsync(fields);
        answer.Status.ShouldBe(400, answer.Text);
        answer.Message.ShouldBe(message);
    }

    [Fact]
    public async Task What_says_nothing_is_not_shown()
    {
        var shown = (await MakeAsync("""  "ArgsEscaped":false,"MacAddress":"","HostConfig":{"Mounts":[],"SecurityOpt":["no-new-privileges=1"],"Isolation":"Default"}  """)).Json;
        shown["Config"]!["ArgsEscaped"].ShouldBeNull();
        shown["Config"]!["MacAddress"].ShouldBeNull();
        shown["HostConfig"]!["Mounts"].ShouldBeNull();
    }

    [Fact]
    public async Task An_empty_word_is_a_command_that_cannot_be_found()
    {
        var made = await _api.PostAsync($"/containers/create?name={_name}", """{"Image":"busybox:latest","Cmd":[""]}""");
        made.Status.ShouldBe(201, made.Text);
        try { (await _api.PostAsync($"/containers/{_name}/start")).Status.ShouldBe(400); }
        finally { await _api.DeleteAsync($"/containers/{_name}?force=1"); }
    }

    [Theory]
    [InlineData("/etc/passwd:/tmp")]
    [InlineData("/tmp:/etc/passwd")]
    public async Task A_file_over_a_directory_is_the_clients_mistake(string bind)
    {
        (await CreateAsync($$"""  "HostConfig":{"Binds":["{{bind}}"]}  """)).Status.ShouldBe(201);
        try
        {
            var start = await _api.PostAsync($"/containers/{_name}/start");
            start.Status.ShouldBe(400, start.Text);
            start.Message!.ShouldContain("not a directory: Are you trying to mount a directory onto a file (or vice-versa)?");
            var state = (await _api.GetAsync($"/containers/{_name}/json")).Json["State"]!;
            state["ExitCode"]!.GetValue<int>().ShouldBe(127);
            state["Error"]!.GetValue<string>().ShouldBe(start.Message);
            state["Status"]!.GetValue<string>().ShouldBe("created");
        }
        finally { await _api.DeleteAsync($"/containers/{_name}?force=1"); }
    }

    [Fact]
    public async Task Names_in_filters_are_patterns()
    {
        string Filter(string key, string value) => "filters=" + Uri.EscapeDataString($$"""{"{{key}}":["{{value}}"]}""");
        (await _api.PostAsync("/networks/create", $$"""{"Name":"{{_name}}"}""")).Status.ShouldBe(201);
        (await _api.PostAsync("/networks/create", $$"""{"Name":"{{_name}}-more"}""")).Status.ShouldBe(201);
        (await _api.PostAsync("/volumes/create", $$"""{"Name":"{{_name}}"}""")).Status.ShouldBe(201);
        (await _api.PostAsync("/volumes/create", $$"""{"Name":"{{_name}}-more"}""")).Status.ShouldBe(201);
        try
        {
            var networks = (await _api.GetAsync($"/networks?{Filter("name", $"^{_name}$")}")).Json.AsArray();
            networks.Select(network => network!["Name"]!.GetValue<string>()).ShouldBe([_name]);
            var id = networks[0]!["Id"]!.GetValue<string>();
            (await _api.GetAsync($"/networks?{Filter("id", id[20..40])}")).Json.AsArray().Count.ShouldBe(1, "a part of an ID is a pattern that fits");
            (await _api.GetAsync($"/networks?{Filter("name", _name)}")).Json.AsArray().Count.ShouldBe(2);
            (await _api.GetAsync($"/volumes?{Filter("name", $"^{_name}$")}")).Json["Volumes"]!.AsArray().Select(volume => volume!["Name"]!.GetValue<string>()).ShouldBe([_name]);
            (await _api.GetAsync($"/volumes?{Filter("name", _name)}")).Json["Volumes"]!.AsArray().Count.ShouldBe(2);
            (await _api.GetAsync($"/networks/{_name}/x")).Message.ShouldBe($"network {_name}/x not found");
            (await _api.GetAsync($"/volumes/{_name}/x")).Message.ShouldBe($"get {_name}/x: no such volume");
        }
        finally
        {
            foreach (var name in (string[])[_name, _name + "-more"])
            {
                await _api.DeleteAsync($"/networks/{name}");
                await _api.DeleteAsync($"/volumes/{name}");
            }
        }
    }

    [Fact]
    public async Task Who_attaches_to_none_of_the_streams_has_seen_all_at_once()
    {
        (await CreateAsync("\"Tty\":false")).Status.ShouldBe(201);
        try
        {
            (await _api.PostAsync($"/containers/{_name}/start")).Status.ShouldBe(204);
            var attached = await _api.PostAsync($"/containers/{_name}/attach?stream=1");
            attached.Status.ShouldBe(200);
            attached.Body.ShouldBeEmpty();
            var exec = await _api.PostAsync($"/containers/{_name}/exec", """{"Cmd":"true"}""");
            exec.Status.ShouldBe(400);
            exec.Message.ShouldBe("invalid JSON: json: cannot unmarshal string into Go struct field ExecOptions.Cmd of type []string");
        }
        finally { await _api.DeleteAsync($"/containers/{_name}?force=1"); }
    }

    [Fact]
    public async Task What_a_container_between_two_restarts_answers()
    {
        var made = await _api.PostAsync($"/containers/create?name={_name}", """{"Image":"busybox:latest","Cmd":["false"],"HostConfig":{"RestartPolicy":{"Name":"always"}}}""");
        made.Status.ShouldBe(201, made.Text);
        try
        {
            (await _api.PostAsync($"/containers/{_name}/start")).Status.ShouldBe(204);
            // After some failures it waits for seconds between two of them.
            for (int i = 0; i < 600; i++)
            {
                var shown = (await _api.GetAsync($"/containers/{_name}/json")).Json;
                if (shown["RestartCount"]!.GetValue<int>() >= 5 && shown["State"]!["Status"]!.GetValue<string>() == "restarting") break;
                await Task.Delay(25);
            }
            (await _api.PostAsync($"/containers/{_name}/start")).Status.ShouldBe(304);
            var top = await _api.GetAsync($"/containers/{_name}/top");
            top.Status.ShouldBe(409);
            top.Message!.ShouldEndWith(" is restarting, wait until the container is running");
            (await _api.PostAsync($"/containers/{_name}/kill?signal=TERM")).Status.ShouldBe(204);
            (await _api.PostAsync($"/containers/{_name}/wait")).Status.ShouldBe(200);
            (await _api.GetAsync($"/containers/{_name}/json")).Json["State"]!["Status"]!.GetValue<string>().ShouldBe("exited");
        }
        finally { await _api.DeleteAsync($"/containers/{_name}?force=1"); }
    }

    [Fact]
    public async Task What_is_wrong_is_told_in_dockers_order()
    {
        var logs = await _api.GetAsync($"/containers/{_name}/logs");
        logs.Status.ShouldBe(400);
        logs.Message.ShouldBe("Bad parameters: you must choose at least one stream");
        (await _api.PostAsync("/networks/wire-none/disconnect", $$"""{"Container":"{{_name}}"}""")).Message.ShouldBe($"No such container: {_name}");
        (await _api.PostAsync($"/containers/{_name}/resize?h=-1&w=1")).Message.ShouldBe("invalid resize height \"-1\": value out of range");
        (await CreateAsync("\"Tty\":false")).Status.ShouldBe(201);
        (await _api.PostAsync("/networks/create", $$"""{"Name":"{{_name}}"}""")).Status.ShouldBe(201);
        try
        {
            (await _api.PostAsync($"/containers/{_name}/start")).Status.ShouldBe(204);
            (await _api.PostAsync($"/networks/{_name}/connect", $$"""{"Container":"{{_name}}","EndpointConfig":{"Links":["a:b:c"]} }""")).Message.ShouldBe("bad format for links: a:b:c");
            var top = (await _api.GetAsync($"/containers/{_name}/top?ps_args=-o%20pid")).Json;
            top["Titles"]!.ToJsonString().ShouldBe("""["PID"]""");
            top["Processes"]!.AsArray().Count.ShouldBe(1);
        }
        finally
        {
            await _api.DeleteAsync($"/containers/{_name}?force=1");
            await _api.DeleteAsync($"/networks/{_name}");
        }
    }

    [Fact]
    public async Task A_build_of_BuildKit_is_cancelled_by_its_ID()
    {
        var nameless = await _api.PostAsync("/build/cancel");
        nameless.Status.ShouldBe(400);
        nameless.Message.ShouldBe("build ID not provided");
        (await _api.PostAsync($"/build/cancel?id={_name}-none")).Status.ShouldBe(200);
        using var context = new MemoryStream();
        using (var tar = new TarWriter(context, leaveOpen: true))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream("FROM busybox:latest\nRUN sleep 1000\n"u8.ToArray()) });
        var building = _api.PostTarAsync($"/build?version=2&nocache=1&buildid={_name}", context.ToArray());
        while (!building.IsCompleted)
        {
            (await _api.PostAsync($"/build/cancel?id={_name}")).Status.ShouldBe(200);
            await Task.WhenAny(building, Task.Delay(200));
        }
        (await building).StreamError!.ShouldContain("context canceled");
    }

    [Theory]
    [InlineData("all=1%", "invalid URL escape \"%\"")]
    [InlineData("all=%zz1", "invalid URL escape \"%zz\"")]
    [InlineData("a=1&%4=1", "invalid URL escape \"%4=\"")]
    [InlineData("all=1;size=1", "invalid semicolon separator in query")]
    public async Task A_query_that_is_none_is_refused(string query, string message)
    {
        // By hand: clients of the library mend it.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.SocketPath), TestContext.Current.CancellationToken);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v1.51/containers/json?{query} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
        var answer = await new StreamReader(stream).ReadToEndAsync(TestContext.Current.CancellationToken);
        answer.ShouldStartWith("HTTP/1.1 400 ");
        answer.ShouldContain(JsonSerializer.Serialize(message, new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }
}
