using Wharf.Cli.Building;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;

namespace Wharf.Cli.Commands.Images;

/// <summary>
/// <c>wharf build</c>: by the BuildKit protocol, as docker's buildx does it, or with DOCKER_BUILDKIT=0 by the classic endpoint. <c>wharf build why STEP</c>
/// tells why a step of the last build was not taken from the cache.
/// </summary>
internal sealed partial class BuildCommand : Command
{
    private readonly ListFlag addHost, allow, annotation, attest, buildArg, buildContext, cacheFrom, cacheTo, label, noCacheFilter, output, secret, ssh, ulimit;
    private ListFlag tag;
    private readonly StringsFlag securityOpt;
    private readonly StringFlag call, cgroupParent, cpusetCpus, cpusetMems, file, iidFile, isolation, metadataFile, network, onError, provenance, sbom, target;
    private StringFlag platform, progress;
    private readonly BuildPullFlag pull;
    private readonly BoolFlag check, forceRm, isUntrusted, load, noCache, push, quiet, rm, squash;
    private readonly IntFlag cpuPeriod, cpuQuota, cpuShares;
    private readonly BytesFlag memory, memorySwap, shmSize;

    public BuildCommand()
    {
        addHost = Flags.Add(new ListFlag("add-host", '\0', "Extra line for /etc/hosts (\"host:ip\")") { Check = FlagChecks.AddHost });
        allow = Flags.List("allow", "Allow what steps ask for (\"network.host\", \"security.insecure\")");
        annotation = Flags.List("annotation", "Annotation on the image");
        attest = Flags.List("attest", "Attestation (\"type=sbom\", \"type=provenance,mode=max\")");
        buildArg = Flags.List("build-arg", "Variable of the build");
        buildContext = Flags.List("build-context", "Another context (\"name=path\")");
        Flags.String("builder", "Accepted for docker's sake: there is one builder");
        cacheFrom = Flags.List("cache-from", "Where to look for cached steps (\"user/app:cache\", \"type=local,src=path\")");
        cacheTo = Flags.List("cache-to", "Where to put the steps (\"type=registry,ref=user/app:cache,mode=max\", \"type=local,dest=path\", \"type=inline\")");
        call = Flags.String("call", "What to do (\"build\", \"check\", \"outline\", \"targets\")", "build");
        cgroupParent = Flags.String("cgroup-parent", "Parent cgroup of \"RUN\" instructions");
        check = Flags.Bool("check", "Only look for what is wrong with the Dockerfile");
        Flags.Bool("compress", "Pack the context with gzip");
        cpuPeriod = Flags.Int("cpu-period", "Period of the CPU limit (CFS) in microseconds");
        cpuQuota = Flags.Int("cpu-quota", "CPU time in each period (CFS) in microseconds");
        cpuShares = Flags.Int("cpu-shares", 'c', "Relative weight of CPU time");
        cpusetCpus = Flags.String("cpuset-cpus", "CPUs it may run on (0-3, 0,1)");
        cpusetMems = Flags.String("cpuset-mems", "Memory nodes it may use (0-3, 0,1)");
        isUntrusted = ContentTrust.Add(Flags, "Do not verify images' signatures");
        file = Flags.String("file", 'f', "Dockerfile (\"PATH/Dockerfile\" unless given)");
        forceRm = Flags.Bool("force-rm", "Remove the build's containers even if it fails");
        iidFile = Flags.String("iidfile", "File to write the image's ID to");
        isolation = Flags.String("isolation", "Isolation technology");
        label = Flags.List("label", "Label on the image");
        load = Flags.Bool("load", "Keep the image in the daemon too (\"--output=type=docker\")");
        memory = Flags.Bytes("memory", 'm', "Limit of memory");
        memorySwap = Flags.Add(new BytesFlag("memory-swap", '\0', "Limit of memory and swap together; -1 for unlimited swap") { AllowMinusOne = true });
        metadataFile = Flags.String("metadata-file", "File to write what is known of the result to, as JSON");
        network = Flags.String("network", "Network of \"RUN\" instructions", "default");
        noCache = Flags.Bool("no-cache", "Do every step anew");
        noCacheFilter = Flags.List("no-cache-filter", "Do the steps of these stages anew");
        onError = Flags.Add(new StringFlag("on-error", '\0', "\"shell\": a shell in the file system of the step that failed", "") { Check = CheckOnError });
        output = Flags.Add(new ListFlag("output", 'o', "Where the result goes (\"type=local,dest=path\")") { Check = CheckOutput });
        platform = Flags.String("platform", "Platforms to build for", Platform.OfEnvironment);
        progress = Flags.String("progress", "How to show what happens (\"auto\", \"plain\", \"tty\", \"json\", \"quiet\")", "auto");
        provenance = Flags.String("provenance", "Short for \"--attest=type=provenance\"");
        pull = Flags.Add(new BuildPullFlag());
        push = Flags.Bool("push", "Send the image to its registry (\"--output=type=registry\")");
        quiet = Flags.Bool("quiet", 'q', "Only the image's ID, when it is done");
        rm = Flags.Bool("rm", "Remove the build's containers when it is done", initial: true);
        sbom = Flags.String("sbom", "Short for \"--attest=type=sbom\"");
        secret = Flags.List("secret", "Secret for steps (\"id=name,src=path\")");
        securityOpt = Flags.Strings("security-opt", "Security options");
        shmSize = Flags.Bytes("shm-size", "Size of \"/dev/shm\"");
        squash = Flags.Bool("squash", "One layer for everything new");
        ssh = Flags.List("ssh", "SSH agent for steps (\"default\", \"id=socket\")");
        tag = Flags.Add(new ListFlag("tag", 't', "Name and maybe tag, as \"name:tag\"") { Check = CheckTag });
        target = Flags.String("target", "Stage to build");
        ulimit = Flags.Add(new ListFlag("ulimit", '\0', "Ulimit options", "ulimit") { Check = text => { UlimitSpec.Parse(text); return text; }, DefaultText = "[]" });
    }

    private const string Why = "why";

    public override string Usage => "[OPTIONS] PATH | URL | -\nwhy [STEP]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0] == Why && (arguments.Count == 2 || !Directory.Exists(Why))) return await StepReasons.WriteAsync(cli, arguments.Count == 2 ? arguments[1] : "", cancellationToken);
        if (arguments.Count > 1) throw new ArgumentCountException($"'{CliContext.Program} build' requires 1 argument", isMissing: false);
        ContentTrust.Check(isUntrusted);
        proxies = [.. ProxySettings.Missing(cli.Config, cli.Api.Host.Text, buildArg.Values)];
        return await IsClassicAsync(cli, cancellationToken) ? await RunClassicAsync(cli, arguments[0], cancellationToken) : await RunBuildKitAsync(cli, arguments[0], cancellationToken);
    }

    /// <summary>The user decides; without a word the daemon, by what it says of its builder.</summary>
    private static async Task<bool> IsClassicAsync(CliContext cli, CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable("DOCKER_BUILDKIT") is { Length: > 0 } said)
            return said switch { "0" or "false" => true, "1" or "true" => false, _ => throw new CliException($"DOCKER_BUILDKIT environment variable expects boolean value: {said}") };
        await cli.Api.NegotiateAsync(cancellationToken);
        return cli.Api.BuilderVersion == "1";
    }

    /// <summary>The same build for one platform and under one name, told line by line: one of several that go on at a time.</summary>
    internal BuildCommand For(string name, string platformName)
    {
        var one = (BuildCommand)MemberwiseClone();
        one.tag = new ListFlag("tag", 't', "");
        one.tag.Set(name);
        one.platform = new StringFlag("platform", '\0', "", platformName);
        one.progress = new StringFlag("progress", '\0', "", "plain");
        return one;
    }

    private IReadOnlyList<KeyValuePair<string, string>> proxies = [];

    private static void CheckOnError(string text)
    {
        if (text is not ("" or "shell")) throw new FormatException($"\"{text}\": only \"shell\" can be opened");
    }

    private static string CheckOutput(string text)
    {
        BuildOutput.Parse(text);
        return text;
    }

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

    /// <summary>A name alone takes its value from here; null, which leaves the Dockerfile's own, when it is not set.</summary>
    private IEnumerable<KeyValuePair<string, string?>> BuildArguments()
    {
        var arguments = new Dictionary<string, string?>();
        foreach (var text in buildArg.Values)
        {
            var (name, value) = KeyValue.Split(text);
            arguments[name] = text.Contains('=') ? value : Environment.GetEnvironmentVariable(name);
        }
        foreach (var (name, value) in proxies) arguments[name] = value;
        return arguments;
    }
}
