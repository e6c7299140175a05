using System.IO.Pipelines;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.Building;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Copying;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf build</c> by the classic endpoint: the context goes up as a tar archive, the steps come back as they are done.</summary>
internal sealed class BuildCommand : Command
{
    private readonly ListFlag addHost, buildArg, label, tag, ulimit;
    private readonly StringsFlag cacheFrom, securityOpt;
    private readonly StringFlag cgroupParent, cpusetCpus, cpusetMems, file, iidFile, isolation, network, onError, platform, target;
    private readonly BoolFlag forceRm, noCache, pull, quiet, rm, squash;
    private readonly IntFlag cpuPeriod, cpuQuota, cpuShares;
    private readonly BytesFlag memory, memorySwap, shmSize;

    public BuildCommand()
    {
        addHost = Flags.Add(new ListFlag("add-host", '\0', "Extra line for /etc/hosts (\"host:ip\")") { Check = FlagChecks.AddHost });
        buildArg = Flags.List("build-arg", "Variable of the build");
        cacheFrom = Flags.Strings("cache-from", "Images to look for cached steps in");
        cgroupParent = Flags.String("cgroup-parent", "Parent cgroup of \"RUN\" instructions");
        Flags.Bool("compress", "Pack the context with gzip");
        cpuPeriod = Flags.Int("cpu-period", "Period of the CPU limit (CFS) in microseconds");
        cpuQuota = Flags.Int("cpu-quota", "CPU time in each period (CFS) in microseconds");
        cpuShares = Flags.Int("cpu-shares", 'c', "Relative weight of CPU time");
        cpusetCpus = Flags.String("cpuset-cpus", "CPUs it may run on (0-3, 0,1)");
        cpusetMems = Flags.String("cpuset-mems", "Memory nodes it may use (0-3, 0,1)");
        Flags.Bool("disable-content-trust", "Do not verify images' signatures", initial: true);
        file = Flags.String("file", 'f', "Dockerfile (\"PATH/Dockerfile\" unless given)");
        forceRm = Flags.Bool("force-rm", "Remove the build's containers even if it fails");
        iidFile = Flags.String("iidfile", "File to write the image's ID to");
        isolation = Flags.String("isolation", "Isolation technology");
        label = Flags.List("label", "Label on the image");
        memory = Flags.Bytes("memory", 'm', "Limit of memory");
        memorySwap = Flags.Add(new BytesFlag("memory-swap", '\0', "Limit of memory and swap together; -1 for unlimited swap") { AllowMinusOne = true });
        network = Flags.String("network", "Network of \"RUN\" instructions", "default");
        onError = Flags.Add(new StringFlag("on-error", '\0', "\"shell\": a shell in the file system of the step that failed", "") { Check = CheckOnError });
        noCache = Flags.Bool("no-cache", "Do every step anew");
        platform = Flags.String("platform", "Platform, if the daemon has more than one");
        pull = Flags.Bool("pull", "Look for newer base images");
        quiet = Flags.Bool("quiet", 'q', "Only the image's ID, when it is done");
        rm = Flags.Bool("rm", "Remove the build's containers when it is done", initial: true);
        securityOpt = Flags.Strings("security-opt", "Security options");
        shmSize = Flags.Bytes("shm-size", "Size of \"/dev/shm\"");
        squash = Flags.Bool("squash", "One layer for everything new");
        tag = Flags.Add(new ListFlag("tag", 't', "Name and maybe tag, as \"name:tag\"") { Check = CheckTag });
        target = Flags.String("target", "Stage to build");
        ulimit = Flags.Add(new ListFlag("ulimit", '\0', "Ulimit options", "ulimit") { Check = text => { UlimitSpec.Parse(text); return text; }, DefaultText = "[]" });
    }

    public override string Usage => "[OPTIONS] PATH | URL | -";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var context = await BuildContext.OpenAsync(arguments[0], file.Value, cli.InputStream, cancellationToken);
        if (iidFile.Value != "") File.Delete(iidFile.Value);
        using var held = new StringWriter();
        string imageId = "", running = "";
        try
        {
            await using var response = await SendAsync(cli, context, quiet ? held : cli.Out, cancellationToken);
            var display = quiet ? new ProgressDisplay(held, isTerminal: false, columns: 80) { OnAux = Remember, OnText = Follow } : ProgressDisplay.For(cli, cli.Out, 1, Remember, Follow);
            await display.RunAsync(response.Body, cancellationToken);
        }
        catch (CliException e) when (quiet || onError.Value == "shell")
        {
            // Nothing was shown so far; a failure needs its story.
            await cli.Error.WriteAsync(held.ToString());
            if (onError.Value != "shell" || running == "") throw;
            await cli.Error.WriteLineAsync(e.Message);
            await FailedStep.OpenShellAsync(cli, running, cancellationToken);
            throw;
        }
        if (quiet)
        {
            // A quiet build's only output is the ID, after our own line about the context.
            if (imageId == "") imageId = held.ToString().Trim().Split('\n')[^1];
            await cli.Out.WriteLineAsync(imageId);
        }
        if (iidFile.Value != "") await File.WriteAllTextAsync(iidFile.Value, imageId == "" ? throw new CliException("server did not provide an image ID. Cannot write " + iidFile.Value) : imageId, cancellationToken);
        return 0;

        void Follow(string text)
        {
            if (text.StartsWith(RunningIn, StringComparison.Ordinal)) running = text[RunningIn.Length..].Trim();
            else if (text.StartsWith("Step ", StringComparison.Ordinal)) running = "";
        }

        void Remember(JsonElement aux)
        {
            if (aux.ValueKind == JsonValueKind.Object && aux.TryGetProperty("ID", out var id) && id.GetString() is { } text) imageId = text;
        }
    }

    private async Task<ApiResponse> SendAsync(CliContext cli, BuildContext context, TextWriter output, CancellationToken cancellationToken)
    {
        var request = new ApiRequest("POST", $"/build{Query(context)}")
        {
            Headers = [new("Content-Type", "application/x-tar"), new("X-Registry-Config", await new Credentials(cli.Config).AllAsync(cancellationToken))],
        };
        if (context.Write is not { } write) return await cli.Api.SendAsync(request, cancellationToken);
        var pipe = new Pipe();
        var counted = new CountingStream(pipe.Reader.AsStream());
        var packing = PackAsync(write, pipe.Writer, cancellationToken);
        try
        {
            return await cli.Api.SendAsync(request with { BodyStream = counted }, cancellationToken);
        }
        finally
        {
            if (counted.Count > 0) await output.WriteAsync($"Sending build context to Docker daemon  {Units.HumanSize(counted.Count),7}\r\r\n");
            await pipe.Reader.CompleteAsync();
            await packing;
        }
    }

    private static void CheckOnError(string text)
    {
        if (text is not ("" or "shell")) throw new FormatException($"\"{text}\": only \"shell\" can be opened");
    }

    private const string RunningIn = " ---> Running in ";

    private static string CheckTag(string text)
    {
        try
        {
            Reference.Check(text);
            return text;
        }
        catch (CliException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static async Task PackAsync(Func<Stream, CancellationToken, Task> write, PipeWriter output, CancellationToken cancellationToken)
    {
        try
        {
            await write(output.AsStream(leaveOpen: true), cancellationToken);
            await output.CompleteAsync();
        }
        catch (Exception e) when (e is CliException or IOException or UnauthorizedAccessException)
        {
            // The upload reads it from the pipe and fails with it: one error, told once.
            await output.CompleteAsync(e);
        }
    }

    private Query Query(BuildContext context)
    {
        var query = new Query().AddAll("t", tag.Values).Add("q", quiet).Add("nocache", noCache).Add("remote", context.Remote).Add("dockerfile", context.Dockerfile).Add("pull", pull)
            .Add("forcerm", forceRm).Add("target", target.Value).Add("networkmode", network.Value).Add("platform", platform.Value).Add("squash", squash).Add("isolation", isolation.Value)
            .Add("cgroupparent", cgroupParent.Value).Add("cpusetcpus", cpusetCpus.Value).Add("cpusetmems", cpusetMems.Value).Add("version", "1").AddAll("extrahosts", addHost.Values)
            .Add("rm", rm ? "1" : "0");
        Add("memory", memory.Value);
        Add("memswap", memorySwap.Value);
        Add("cpushares", cpuShares.Value);
        Add("cpuquota", cpuQuota.Value);
        Add("cpuperiod", cpuPeriod.Value);
        Add("shmsize", shmSize.Value);
        if (buildArg.Values.Count > 0) query.Add("buildargs", Json.WriteMap(BuildArguments()));
        if (label.Values.Count > 0) query.Add("labels", Json.WriteMap(KeyValue.ToMap(label.Values).Select(pair => new KeyValuePair<string, string?>(pair.Key, pair.Value))));
        if (cacheFrom.Values.Count > 0) query.Add("cachefrom", Json.WriteList(cacheFrom.Values));
        if (securityOpt.Values.Count > 0) query.Add("securityopt", Json.WriteList(securityOpt.Values));
        if (ulimit.Values.Count > 0) query.Add("ulimits", "[" + string.Join(',', ulimit.Values.Select(text => JsonSerializer.Serialize(UlimitSpec.Parse(text), Specs.DockerApi.DockerApiJson.Default.HostConfigUlimits))) + "]");
        return query;

        void Add(string name, long value)
        {
            if (value != 0) query.Add(name, value);
        }
    }

    /// <summary>A name alone takes its value from here; null, which leaves the Dockerfile's own, when it is not set.</summary>
    private IEnumerable<KeyValuePair<string, string?>> BuildArguments()
    {
        var arguments = new Dictionary<string, string?>();
        foreach (var text in buildArg.Values)
        {
            var (name, value) = KeyValue.Split(text);
            arguments[name] = text.Contains('=') ? value : Environment.GetEnvironmentVariable(name);
        }
        return arguments;
    }
}
