using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.Building;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Output;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Commands.Images;

// By the classic endpoint: the context goes up as a tar archive, the steps come back as they are done.
internal sealed partial class BuildCommand
{
    private async Task<int> RunClassicAsync(CliContext cli, string source, CancellationToken cancellationToken)
    {
        RefuseUnknownToClassic();
        var context = await BuildContext.OpenAsync(source, file.Value, cli.InputStream, cancellationToken);
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
        return await PipedBody.SendAsync(cli.Api, request, write,
            sent => sent > 0 ? output.WriteAsync($"Sending build context to Docker daemon  {Units.HumanSize(sent),7}\r\r\n") : Task.CompletedTask, cancellationToken);
    }

    private void RefuseUnknownToClassic()
    {
        foreach (var flag in new Flag[] { allow, annotation, attest, buildContext, cacheTo, metadataFile, noCacheFilter, output, provenance, push, sbom, secret, ssh })
            if (flag.Changed) throw new CliException($"--{flag.Name} is not known to the classic builder: unset DOCKER_BUILDKIT");
    }

    private const string RunningIn = " ---> Running in ";

    private Query Query(BuildContext context)
    {
        var query = new Query().AddAll("t", tag.Values).Add("q", quiet).Add("nocache", noCache).Add("remote", context.Remote).Add("dockerfile", context.Dockerfile).Add("pull", pull.Policy switch { PullPolicy.Missing => null, PullPolicy.Always => "1", var policy => policy })
            .Add("forcerm", forceRm).Add("target", target.Value).Add("networkmode", network.Value).Add("platform", platform.Value).Add("squash", squash).Add("isolation", isolation.Value)
            .Add("cgroupparent", cgroupParent.Value).Add("cpusetcpus", cpusetCpus.Value).Add("cpusetmems", cpusetMems.Value).Add("version", "1").AddAll("extrahosts", addHost.Values)
            .Add("rm", rm ? "1" : "0");
        Add("memory", memory.Value);
        Add("memswap", memorySwap.Value);
        Add("cpushares", cpuShares.Value);
        Add("cpuquota", cpuQuota.Value);
        Add("cpuperiod", cpuPeriod.Value);
        Add("shmsize", shmSize.Value);
        if (buildArg.Values.Count + proxies.Count > 0) query.Add("buildargs", Json.WriteMap(BuildArguments()));
        if (label.Values.Count > 0) query.Add("labels", Json.WriteMap(KeyValue.ToMap(label.Values).Select(pair => new KeyValuePair<string, string?>(pair.Key, pair.Value))));
        if (cacheFrom.Values.Count > 0) query.Add("cachefrom", Json.WriteList(cacheFrom.Values.SelectMany(static text => text.Split(','))));
        if (securityOpt.Values.Count > 0) query.Add("securityopt", Json.WriteList(securityOpt.Values));
        if (ulimit.Values.Count > 0) query.Add("ulimits", "[" + string.Join(',', ulimit.Values.Select(text => JsonSerializer.Serialize(UlimitSpec.Parse(text), Specs.DockerApi.DockerApiJson.Default.HostConfigUlimits))) + "]");
        return query;

        void Add(string name, long value)
        {
            if (value != 0) query.Add(name, value);
        }
    }
}
