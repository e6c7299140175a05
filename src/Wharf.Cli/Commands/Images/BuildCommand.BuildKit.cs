using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.Cli.Building;
using Wharf.Cli.Building.Display;
using Wharf.Cli.Building.Sessions;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;

namespace Wharf.Cli.Commands.Images;

// By the BuildKit protocol: the builder asks for what it needs.
internal sealed partial class BuildCommand
{
    private const string Frontend = "dockerfile.v0", ManifestKey = "cache.manifest", DescriptorKey = "containerimage.descriptor";
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(3);

    private async Task<int> RunBuildKitAsync(CliContext cli, string source, CancellationToken cancellationToken)
    {
        var credentials = new Credentials(cli.Config);
        var offer = new SessionOffer { Credentials = (host, cancel) => credentials.GetAsync(Credentials.Key(host), cancel) };
        var request = new SolveRequest { Ref = Guid.NewGuid().ToString("n")[..25], Frontend = Frontend, Cache = new CacheOptions() };
        using var inputs = new BuildInputs(offer, request.FrontendAttrs);
        await inputs.AddContextAsync(source, file.Value, cli.InputStream, cancellationToken);
        foreach (var named in buildContext.Values) inputs.AddNamed(named);
        var outputs = Outputs();
        Describe(request);
        AddOutputs(cli, request, offer, outputs);
        AddCaches(request, offer);
        AddGrants(request, offer);
        if (iidFile.Value != "") File.Delete(iidFile.Value);

        var display = BuildDisplay.For(cli, quiet ? "quiet" : progress.Value);
        await using var session = new BuildSession(offer);
        request.Session = session.Id;
        await using var client = new BuilderClient(cli.Api);
        await cli.Api.NegotiateAsync(cancellationToken);
        // Both ends are made ready side by side: the session takes the longer.
        var opening = session.OpenAsync(cli.Api, BuildSession.KeyOf(inputs.Origin), cancellationToken);
        try
        {
            var control = new Control.ControlClient(client.Calls);
            await NameExportersAsync(control, request, cancellationToken);
            await opening;
            var response = await SolveAsync(control, request, display, cancellationToken);
            await FinishAsync(cli, response, request.Ref, outputs, cancellationToken);
            return response.ExporterResponse.TryGetValue("result.statuscode", out var status) && int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out int code) ? code : 0;
        }
        catch (RpcException e)
        {
            await BuildFailure.WriteAsync(e, display.Trace, showOutput: display is not JsonDisplay, cli.Error);
            var failure = new CliException($"ERROR: failed to build: {(e.StatusCode == StatusCode.Unknown ? "failed to solve: " : "")}{e.Status.Detail}", 1, e);
            if (onError.Value != "shell" || BuildFailure.ContainerOf(e) is not { Length: > 0 } container) throw failure;
            await cli.Error.WriteLineAsync(failure.Message);
            await FailedStep.OpenShellAsync(cli, container, cancellationToken);
            throw new CliException("", 1, e);
        }
    }

    /// <summary>A dockerd whose images are not containerd's knows one exporter of images, by another name.</summary>
    private static async Task NameExportersAsync(Control.ControlClient control, SolveRequest request, CancellationToken cancellationToken)
    {
        if (!request.Exporters.Any(static exporter => exporter.Type == "image")) return;
        var workers = await control.ListWorkersAsync(new ListWorkersRequest(), cancellationToken: cancellationToken);
        if (workers.Record.Any(static worker => worker.Labels.ContainsKey("org.mobyproject.buildkit.worker.snapshotter"))) return;
        foreach (var exporter in request.Exporters)
            if (exporter.Type == "image") exporter.Type = "moby";
    }

    /// <summary>Runs the build and shows it. What the builder tells after the end, or instead of it, still counts.</summary>
    private static async Task<SolveResponse> SolveAsync(Control.ControlClient control, SolveRequest request, BuildDisplay display, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var solving = control.SolveAsync(request, cancellationToken: cancellationToken).ResponseAsync;
        var watching = WatchAsync(control, request.Ref, display, over.Token);
        try
        {
            return await solving;
        }
        finally
        {
            over.CancelAfter(LastWords);
            await watching;
            await display.EndAsync();
        }
    }

    private static async Task WatchAsync(Control.ControlClient control, string reference, BuildDisplay display, CancellationToken cancellationToken)
    {
        try
        {
            using var call = control.Status(new StatusRequest { Ref = reference }, cancellationToken: cancellationToken);
            await foreach (var news in call.ResponseStream.ReadAllAsync(cancellationToken)) await display.ShowAsync(news);
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException)
        {
            // What went wrong is told by the build itself.
        }
    }

    private List<BuildOutput> Outputs()
    {
        var outputs = output.Values.ConvertAll(BuildOutput.Parse);
        if (push)
        {
            if (outputs.Count == 0) outputs.Add(new BuildOutput("image", []));
            var image = outputs.Find(static entry => entry.Type == "image") ?? throw new CliException("push and an output that is no image cannot be used together");
            image.Attributes["push"] = "true";
        }
        if (load && !outputs.Exists(static entry => entry.Type == "image")) outputs.Add(new BuildOutput("image", []));
        if (outputs.Count == 0 && !IsQuestion) outputs.Add(new BuildOutput("image", []));
        return outputs;
    }

    /// <summary>Nothing is built: something is asked of the Dockerfile.</summary>
    private bool IsQuestion => check || call.Value is not ("" or "build");

    /// <summary>What the Dockerfile is built with.</summary>
    private void Describe(SolveRequest request)
    {
        var options = request.FrontendAttrs;
        foreach (var (name, value) in BuildArguments()) if (value is not null) options["build-arg:" + name] = value;
        foreach (var (name, value) in KeyValue.ToMap(label.Values)) options["label:" + name] = value;
        Set("target", target.Value);
        Set("platform", platform.Value);
        Set("add-hosts", string.Join(',', addHost.Values.Select(static host => host.Split(':', 2) is [var name, var address] ? $"{name}={address.Trim('[', ']')}" : host)));
        Set("cgroup-parent", cgroupParent.Value);
        Set("shm-size", shmSize.Value == 0 ? "" : Number(shmSize.Value));
        Set("ulimit", string.Join(',', ulimit.Values.Select(static text => UlimitSpec.Parse(text)).Select(static limit => $"{limit.Name}={limit.Soft}:{limit.Hard}")));
        Set("force-network-mode", network.Value is "default" ? "" : network.Value);
        if (pull.Policy != PullPolicy.Missing) options["image-resolve-mode"] = pull.Policy == PullPolicy.Always ? "pull" : pull.Policy;
        if (noCache) options["no-cache"] = "";
        else if (noCacheFilter.Values.Count > 0) options["no-cache"] = string.Join(',', noCacheFilter.Values);
        if (IsQuestion) options["requestid"] = "frontend." + (check || call.Value is "check" or "lint" ? "lint" : call.Value is "targets" or "outline" ? call.Value : throw new CliException($"unknown call {call.Value}"));
        AddLimits(Set);
        if (squash) options["squash"] = "true";
        if (onError.Value != "") options["keep-failed-step"] = "true";
        AddAttestations(Set);

        void Set(string name, string value)
        {
            if (value != "") options[name] = value;
        }
    }

    /// <summary>Limits of RUN steps: docker's BuildKit knows none and passes over them.</summary>
    private void AddLimits(Action<string, string> set)
    {
        foreach (var (name, value) in new (string, long)[] { ("memory", memory.Value), ("memory-swap", memorySwap.Value), ("cpu-shares", cpuShares.Value), ("cpu-period", cpuPeriod.Value), ("cpu-quota", cpuQuota.Value) })
            if (value != 0) set(name, Number(value));
        set("cpuset-cpus", cpusetCpus.Value);
        set("cpuset-mems", cpusetMems.Value);
        set("security-opt", string.Join(',', securityOpt.Values));
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private void AddAttestations(Action<string, string> set)
    {
        set("attest:provenance", provenance.Value switch { "" => "mode=min,inline-only=true", "true" or "1" => "mode=min", "false" or "0" => "disabled=true", var mode => mode.Replace("type=provenance,", "", StringComparison.Ordinal) });
        set("attest:sbom", sbom.Value switch { "" or "false" or "0" => "", "true" or "1" => "true", var other => other });
        foreach (var text in attest.Values)
        {
            var fields = BuildOptionFields.Parse(text, "attest");
            if (!fields.Remove("type", out var type)) throw new CliException($"invalid value {text} for attest: type is required");
            set("attest:" + type, fields.Count == 0 ? "mode=min" : string.Join(',', fields.Select(static pair => $"{pair.Key}={pair.Value}")));
        }
    }

    private void AddOutputs(CliContext cli, SolveRequest request, SessionOffer offer, List<BuildOutput> outputs)
    {
        for (int i = 0; i < outputs.Count; i++)
        {
            var (type, attributes) = outputs[i];
            if (type == "cacheonly") continue;
            var exporter = new Exporter { Type = type, Attrs = { attributes } };
            if (tag.Values.Count > 0 && type is not ("local" or "tar") && !exporter.Attrs.ContainsKey("name")) exporter.Attrs["name"] = string.Join(',', tag.Values);
            foreach (var text in annotation.Values) AddAnnotation(exporter, text);
            int number = request.Exporters.Count;
            request.Exporters.Add(exporter);
            var output = outputs[i];
            if (output.IsLayout) offer.Stores["export"] = Path.GetFullPath(output.Destination);
            else if (output.IsDirectory) offer.Targets[number] = new ResultTarget(Path.GetFullPath(output.Destination), null, output.Deletes);
            else if (type != "image") offer.Targets[number] = new ResultTarget(null, () => output.Open(cli));
        }
    }

    /// <summary><c>key=value</c>, or <c>index,manifest[linux/amd64]:key=value</c>.</summary>
    private static void AddAnnotation(Exporter exporter, string text)
    {
        var (key, value) = KeyValue.Split(text);
        int colon = key.IndexOf(':');
        if (colon < 0)
        {
            exporter.Attrs["annotation." + key] = value;
            return;
        }
        foreach (var place in key[..colon].Split(',')) exporter.Attrs[$"annotation-{place}.{key[(colon + 1)..]}"] = value;
    }

    private void AddCaches(SolveRequest request, SessionOffer offer)
    {
        foreach (var text in cacheFrom.Values)
        {
            var entry = Cache(text);
            if (entry.Type == "local")
            {
                var directory = Path.GetFullPath(entry.Attrs.GetValueOrDefault("src") ?? throw new CliException("local cache importer requires src"));
                if (!Directory.Exists(directory)) continue; // nothing was ever put there
                if (!entry.Attrs.ContainsKey("digest")) entry.Attrs["digest"] = LayoutIndex.Find(directory, entry.Attrs.GetValueOrDefault("tag") ?? "latest");
                entry.Attrs["src"] = directory;
                offer.Stores["local:" + directory] = directory;
            }
            request.Cache.Imports.Add(entry);
        }
        foreach (var text in cacheTo.Values)
        {
            var entry = Cache(text);
            if (entry.Type == "local")
            {
                var directory = Path.GetFullPath(entry.Attrs.GetValueOrDefault("dest") ?? throw new CliException("local cache exporter requires dest"));
                entry.Attrs["dest"] = directory;
                offer.Stores["local:" + directory] = directory;
            }
            request.Cache.Exports.Add(entry);
        }
    }

    private static CacheOptionsEntry Cache(string text)
    {
        if (!text.Contains('=')) return new CacheOptionsEntry { Type = "registry", Attrs = { ["ref"] = text } };
        var fields = BuildOptionFields.Parse(text, "cache");
        if (!fields.Remove("type", out var type)) throw new CliException($"type required form> {Output.Quoting.Quote(text)}");
        CacheCredentials.Complete(type, fields, Environment.GetEnvironmentVariable);
        return new CacheOptionsEntry { Type = type, Attrs = { fields } };
    }

    private void AddGrants(SolveRequest request, SessionOffer offer)
    {
        request.Entitlements.AddRange(allow.Values);
        if (network.Value == "host") request.Entitlements.Add("network.host");
        try
        {
            foreach (var (id, read) in secret.Values.Select(SecretSpec.Parse)) offer.Secrets[id] = read;
            foreach (var (id, socket) in ssh.Values.Select(AgentSpec.Parse)) offer.Agents[id] = socket;
        }
        catch (FormatException e) { throw new CliException(e.Message, 1, e); }
    }

    /// <summary>What is left to do here when all is built: names in directories, files about the result, the ID.</summary>
    private async Task FinishAsync(CliContext cli, SolveResponse response, string reference, List<BuildOutput> outputs, CancellationToken cancellationToken)
    {
        var told = response.ExporterResponse;
        if (told.TryGetValue(ManifestKey, out var manifest))
            foreach (var entry in cacheTo.Values.Select(Cache).Where(static entry => entry.Type == "local")) LayoutIndex.Put(Path.GetFullPath(entry.Attrs["dest"]), manifest, entry.Attrs.GetValueOrDefault("tag") ?? "latest");
        if (told.TryGetValue(DescriptorKey, out var descriptor))
            foreach (var layout in outputs.Where(static entry => entry.IsLayout)) LayoutIndex.Put(layout.Destination, Encoding.UTF8.GetString(Convert.FromBase64String(descriptor)), "latest");
        var id = told.GetValueOrDefault("containerimage.config.digest") ?? told.GetValueOrDefault("containerimage.digest") ?? "";
        if (iidFile.Value != "" && id != "") await File.WriteAllTextAsync(iidFile.Value, id, cancellationToken);
        if (metadataFile.Value != "") await File.WriteAllTextAsync(metadataFile.Value, Metadata(told, reference), cancellationToken);
        if (IsQuestion) await cli.Out.WriteLineAsync(told.GetValueOrDefault("result.txt", "").TrimEnd('\n'));
        else if (quiet && id != "") await cli.Out.WriteLineAsync(id);
    }

    private static string Metadata(IEnumerable<KeyValuePair<string, string>> told, string reference)
    {
        var metadata = new JsonObject { ["buildx.build.ref"] = "default/default/" + reference };
        foreach (var (key, value) in told.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            if (key == ManifestKey) continue;
            metadata[key] = key == DescriptorKey ? JsonNode.Parse(Convert.FromBase64String(value)) : JsonValue.Create(value);
        }
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true })) metadata.WriteTo(json);
        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length) + "\n";
    }
}
