using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class BodyFieldTests
{
    /// <summary>Volumes and networks: inspect tells what was asked for; the command runs in a container that has it.</summary>
    public static TheoryData<string, string, string, string, string, string> Nouns =>
    [
        Field("VolumeCreate", "Name Driver Labels", """ "Name":"%name%","Driver":"local","Labels":{"a":"b"} """, "echo kept > /v/x; cat /v/x", "kept"),
        Field("VolumeCreate", "DriverOpts", """ "Name":"%name%","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m"} """, "grep ' /v ' /proc/self/mountinfo | grep -o size=1024k", "size=1024k", """ {"Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}} """),
        Field("NetworkCreate", "Name Driver Internal Labels Attachable", """ "Name":"%name%","Driver":"bridge","Internal":true,"Attachable":true,"Labels":{"a":"b"} """, "ip route | grep -c ^default", "0"),
        Field("NetworkCreate", "Options", """ "Name":"%name%","Options":{"com.docker.network.driver.mtu":"1400"} """, "cat /sys/class/net/eth0/mtu", "1400"),
        Field("NetworkCreate", "IPAM.Driver IPAM.Config.[].Subnet IPAM.Config.[].IPRange IPAM.Config.[].Gateway IPAM.Config.[].AuxiliaryAddresses IPAM.Options",
            """ "Name":"%name%","IPAM":{"Driver":"default","Options":{"x":"y"},"Config":[{"Subnet":"%v4%.0/24","IPRange":"%v4%.128/25","Gateway":"%v4%.200","AuxiliaryAddresses":{"taken":"%v4%.128"}}]} """,
            "ip -4 addr show eth0 | grep -o '%v4%[.0-9]*/'; ip route | grep ^default | grep -o '%v4%[.0-9]*'", "%v4%.129/\n%v4%.200"),
        Field("NetworkCreate", "EnableIPv4 EnableIPv6", """ "Name":"%name%","EnableIPv4":false,"EnableIPv6":true,"IPAM":{"Config":[{"Subnet":"%v6%:/64"}]} """, "ip -4 addr show eth0 | wc -l; ip -6 addr show eth0 | grep -o '%v6%[:0-9a-f]*/'", "0\n%v6%:2/"),
        Field("NetworkCreate", "Scope", """ "Name":"%name%","Scope":"local" """),
        Field("NetworkCreate", "ConfigOnly", """ "Name":"%name%","ConfigOnly":true """),
        Field("NetworkCreate", "Ingress", """ "Name":"%name%","Ingress":false """),
    ];

    [Theory]
    [MemberData(nameof(Nouns))]
    public async Task A_volume_or_network_is_what_its_fields_ask_for(string operation, string fields, string members, string command, string output, string told)
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        var kind = operation == "VolumeCreate" ? "volumes" : "networks";
        var body = $"{{{await place.FillAsync(members)}}}";
        await api.CallAsync(operation, $"/{kind}/create", 201, body);
        try
        {
            Shows(await place.InspectAsync($"/{kind}/{place.Name}"), JsonNode.Parse(told.Length > 0 ? told : body), fields);
            if (output.Length == 0) return;
            string[] with = kind == "volumes" ? ["-v", $"{place.Name}:/v"] : ["--network", place.Name];
            (await engine.DockerAsync(["run", "--rm", .. with, "busybox:latest", "sh", "-c", await place.FillAsync(command)])).Text.ShouldBe(await place.FillAsync(output), fields);
        }
        finally { (await engine.DockerAsync(kind[..^1], "rm", place.Name)).ShouldExit(0); }
    }

    [Fact]
    [Covers("VolumeCreate", "ClusterVolumeSpec")]
    public async Task A_volume_of_a_cluster_needs_one()
    {
        using var api = new ApiSession(engine.SocketPath);
        (await api.CallAsync("VolumeCreate", "/volumes/create", 503, """{"Name":"field-cluster","ClusterVolumeSpec":{"Group":"g","AccessMode":{"Scope":"single"}}}""")).GetProperty("message").GetString()!.ShouldStartWith("This node is not a swarm manager.");
    }

    [Fact]
    [Covers("NetworkCreate", "ConfigFrom.Network")]
    public async Task A_network_takes_its_configuration_from_another()
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        await api.CallAsync("NetworkCreate", "/networks/create", 201, await place.FillAsync("""{"Name":"%name%-config","ConfigOnly":true,"IPAM":{"Config":[{"Subnet":"%v4%.0/24"}]}}"""));
        try
        {
            await api.CallAsync("NetworkCreate", "/networks/create", 201, await place.FillAsync("""{"Name":"%name%","ConfigFrom":{"Network":"%name%-config"}}"""));
            Shows(await place.InspectAsync($"/networks/{place.Name}"), JsonNode.Parse(await place.FillAsync("""{"ConfigFrom":{"Network":"%name%-config"},"IPAM":{"Config":[{"Subnet":"%v4%.0/24"}]}}""")), "ConfigFrom");
            (await engine.DockerAsync("network", "rm", place.Name)).ShouldExit(0);
        }
        finally { (await engine.DockerAsync("network", "rm", $"{place.Name}-config")).ShouldExit(0); }
    }

    /// <summary>Of a network that a running container gets: what is told at its end point, and what the container sees.</summary>
    public static TheoryData<string, string, string, string, string, string> Connections =>
    [
        Field("NetworkConnect", "Container EndpointConfig.IPAMConfig.IPv4Address", """ "IPAMConfig":{"IPv4Address":"%v4%.77"} """, "ip -4 addr show eth1 | grep -o '%v4%[.0-9]*/'", "%v4%.77/"),
        Field("NetworkConnect", "EndpointConfig.IPAMConfig.IPv6Address", """ "IPAMConfig":{"IPv6Address":"%v6%:77"} """, "ip -6 addr show eth1 | grep -o '%v6%[:0-9a-f]*/'", "%v6%:77/"),
        Field("NetworkConnect", "EndpointConfig.IPAMConfig.LinkLocalIPs", """ "IPAMConfig":{"LinkLocalIPs":["169.254.34.69"]} """, "ip -4 addr show eth1 | grep -o 169.254.34.69", "169.254.34.69"),
        Field("NetworkConnect", "EndpointConfig.Aliases", """ "Aliases":["other-name"] """, "nslookup -type=a other-name | grep -o '%v4%.2'", "%v4%.2"),
        Field("NetworkConnect", "EndpointConfig.Links", """ "Links":["%name%:db"] """, "nslookup -type=a db | grep -o '%v4%.2'", "%v4%.2"),
        Field("NetworkConnect", "EndpointConfig.DriverOpts", """ "DriverOpts":{"com.docker.network.endpoint.ifname":"wan0"} """, "ls /sys/class/net", "eth0\nlo\nwan0"),
        Field("NetworkConnect", "EndpointConfig.GwPriority", """ "GwPriority":1 """, "ip route | grep ^default | grep -o '%v4%.1'", "%v4%.1"),
        Field("NetworkConnect", "EndpointConfig.NetworkID EndpointConfig.EndpointID EndpointConfig.Gateway EndpointConfig.IPAddress EndpointConfig.IPPrefixLen EndpointConfig.IPv6Gateway EndpointConfig.GlobalIPv6Address EndpointConfig.GlobalIPv6PrefixLen EndpointConfig.DNSNames",
            """ "NetworkID":"%net%","EndpointID":"y","Gateway":"1.1.1.1","IPAddress":"2.2.2.2","IPPrefixLen":9,"IPv6Gateway":"::1","GlobalIPv6Address":"::2","GlobalIPv6PrefixLen":10,"DNSNames":["z"] """,
            "ip -4 addr show eth1 | grep -o '%v4%.2/24'", "%v4%.2/24", """ {"IPAddress":"%v4%.2","IPPrefixLen":24,"Gateway":"%v4%.1","GlobalIPv6Address":"%v6%:2","GlobalIPv6PrefixLen":64,"IPv6Gateway":"%v6%:1"} """),
    ];

    [Theory]
    [MemberData(nameof(Connections))]
    [Covers("NetworkDisconnect", "Container", "Force")]
    public async Task A_running_container_gets_a_network_as_asked_and_loses_it(string operation, string fields, string members, string command, string output, string told)
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        (await engine.DockerAsync("run", "-d", "--init", "--name", place.Name, "busybox:latest", "sleep", "1000")).ShouldExit(0);
        var network = await place.FillAsync("%net%");
        var config = $"{{{await place.FillAsync(members)}}}";
        await api.CallAsync(operation, $"/networks/{network}/connect", 200, $$"""{"Container":"{{place.Name}}","EndpointConfig":{{config}}}""");
        var seen = await engine.DockerAsync("exec", place.Name, "sh", "-c", await place.FillAsync(command));
        seen.Text.ShouldBe(await place.FillAsync(output), $"{fields}: {seen.Error}");
        Shows((await place.InspectAsync($"/containers/{place.Name}/json"))["NetworkSettings"]!["Networks"]![network], JsonNode.Parse(told.Length > 0 ? await place.FillAsync(told) : config), fields);
        await api.CallAsync("NetworkDisconnect", $"/networks/{network}/disconnect", 200, $$"""{"Container":"{{place.Name}}","Force":true}""");
        (await place.InspectAsync($"/containers/{place.Name}/json"))["NetworkSettings"]!["Networks"]![network].ShouldBeNull();
    }

    /// <summary>What docker 28 passes over when it connects a running container, though it does what it says at create.</summary>
    public static TheoryData<string, string, string, string, string, string> OwnConnections =>
    [
        Field("NetworkConnect", "EndpointConfig.MacAddress", """ "MacAddress":"02:11:22:33:44:77" """, "cat /sys/class/net/eth1/address", "02:11:22:33:44:77"),
    ];

    [Theory]
    [MemberData(nameof(OwnConnections))]
    public async Task A_running_container_gets_a_network_with_more_than_docker_gives(string operation, string fields, string members, string command, string output, string told)
    {
        Assert.SkipUnless(engine.IsWharf, "docker passes over it");
        await A_running_container_gets_a_network_as_asked_and_loses_it(operation, fields, members, command, output, told);
    }

    /// <summary>A container's configuration that a commit gives its image.</summary>
    public static TheoryData<string, string, string, string, string, string> Commits =>
    [
        Field("ImageCommit", "User Env Cmd Entrypoint WorkingDir Volumes ExposedPorts Labels OnBuild Shell StopSignal",
            """ "User":"33","Env":["A=b"],"Cmd":["x"],"Entrypoint":["y"],"WorkingDir":"/w","Volumes":{"/v":{}},"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"},"OnBuild":["RUN true"],"Shell":["/bin/ash","-c"],"StopSignal":"SIGUSR1" """),
        Field("ImageCommit", "Healthcheck.Test Healthcheck.Interval Healthcheck.Timeout Healthcheck.Retries Healthcheck.StartPeriod Healthcheck.StartInterval", """ "Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Timeout":2000000000,"Retries":3,"StartPeriod":4000000000,"StartInterval":5000000000} """),
        Field("ImageCommit", "ArgsEscaped", """ "ArgsEscaped":true """),
        // What only a container has is not in the image's own configuration.
        Field("ImageCommit", "Hostname Domainname AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Image NetworkDisabled MacAddress StopTimeout",
            """ "Hostname":"h","Domainname":"d","AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Tty":true,"OpenStdin":true,"StdinOnce":true,"Image":"i","NetworkDisabled":true,"MacAddress":"02:11:22:33:44:77","StopTimeout":7 """,
            told: """ {"Hostname":null,"Domainname":null,"AttachStdin":null,"Tty":null,"OpenStdin":null,"StdinOnce":null,"Image":null,"NetworkDisabled":null,"MacAddress":null,"StopTimeout":null} """),
    ];

    [Theory]
    [MemberData(nameof(Commits))]
    public async Task An_image_gets_the_configuration_of_its_commit(string operation, string fields, string members, string command, string output, string told)
    {
        (command + output).ShouldBeEmpty("images are inspected, not run, here");
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        (await engine.DockerAsync("create", "--name", place.Name, "busybox:latest", "true")).ShouldExit(0);
        await api.CallAsync(operation, $"/commit?container={place.Name}&repo={place.Name}&tag=c", 201, $"{{{members}}}");
        try
        {
            var config = (await place.InspectAsync($"/images/{place.Name}:c/json"))["Config"]!;
            if (config["Env"] is JsonArray env && members.Contains("\"Env\"", StringComparison.Ordinal)) config["Env"] = new JsonArray([.. env.Where(one => !one!.GetValue<string>().StartsWith("PATH=", StringComparison.Ordinal)).Select(one => one!.DeepClone())]);
            Shows(config, JsonNode.Parse(told.Length > 0 ? told : $"{{{members}}}"), fields);
        }
        finally { await api.CallAsync("ImageDelete", $"/images/{place.Name}:c", 200); }
    }

    [Fact]
    public async Task What_a_commit_takes_from_its_request_alone_stays_when_there_is_none()
    {
        await using var place = new BodyFieldPlace(engine);
        using var api = new ApiSession(engine.SocketPath);
        await api.CallAsync("ContainerCreate", $"/containers/create?name={place.Name}", 201, """{"Image":"busybox:latest","OnBuild":["RUN true"],"Shell":["/bin/ash"]}""");
        foreach (var (body, trigger, shell) in ((string, string, string)[])[("{}", """["RUN true"]""", """["/bin/ash"]"""), ("""{"User":"33"}""", "null", "null")])
        {
            await api.CallAsync("ImageCommit", $"/commit?container={place.Name}&repo={place.Name}", 201, body);
            var config = (await place.InspectAsync($"/images/{place.Name}/json"))["Config"]!;
            await api.CallAsync("ImageDelete", $"/images/{place.Name}", 200);
            (config["OnBuild"]?.ToJsonString() ?? "null").ShouldBe(trigger, body);
            (config["Shell"]?.ToJsonString() ?? "null").ShouldBe(shell, body);
        }
    }

    [Fact]
    [Covers("SystemAuth", "username", "password", "email", "serveraddress")]
    public async Task Credentials_are_tried_on_the_registry_that_they_name()
    {
        using var api = new ApiSession(engine.SocketPath);
        await using var registry = await LocalRegistry.StartAsync(RegistryKind.Password);
        string Login(string password) => $$"""{"username":"alice","password":"{{password}}","email":"x@example.test","serveraddress":"{{registry.Address}}"}""";
        (await api.CallAsync("SystemAuth", "/auth", 200, Login("secret"))).GetProperty("Status").GetString().ShouldBe("Login Succeeded");
        (await api.CallAsync("SystemAuth", "/auth", 500, Login("wrong"))).GetProperty("message").GetString().ShouldEndWith("failed with status: 401 Unauthorized");
    }
}
