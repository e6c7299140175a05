using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Kube;
using Xunit;

namespace Wharf.Tests.Cli.Kube;

/// <summary>Files of Kubernetes: what they become, and what is told of those that are not understood.</summary>
public sealed class KubeFileTests
{
    private static string Pod(string container, string spec = "") => $"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{spec} containers: [{{name: c, image: i, {container}}}]}}\n";

    [Theory]
    [InlineData("lifecycle: {preStop: {}}", "", "Pod web: spec.containers[0].lifecycle: it is not understood")]
    [InlineData("resources: {limits: {nvidia.com/gpu: 1}}", "", "Pod web: spec.containers[0].resources.limits.nvidia.com/gpu: it is not understood")]
    [InlineData("resources: {limits: {memory: lots}}", "", "Pod web: spec.containers[0].resources.limits.memory: \"lots\" is no quantity")]
    [InlineData("ports: [{containerPort: 70000}]", "", "Pod web: spec.containers[0].ports[0].containerPort: it is no port")]
    [InlineData("env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]", "", "Pod web: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: \"status.podIP\" is not understood")]
    [InlineData("env: [{name: A, valueFrom: {configMapKeyRef: {name: m, key: k}}}]", "", "Pod web: spec.containers[0].env[0].valueFrom.configMapKeyRef.name: \"m\" is not in the file")]
    [InlineData("livenessProbe: {grpc: {port: 1}}", "", "Pod web: spec.containers[0].livenessProbe.exec: there is none")]
    [InlineData("livenessProbe: {httpGet: {port: named}}", "", "Pod web: spec.containers[0].livenessProbe.httpGet.port: \"named\" is neither")]
    [InlineData("volumeMounts: [{name: v, mountPath: /v}]", "", "Pod web: spec.containers[0].volumeMounts[0].name: the pod has no volume \"v\"")]
    [InlineData("securityContext: {runAsUser: 0, runAsNonRoot: true}", "", "Pod web: spec.containers[0].securityContext.runAsUser: it is 0")]
    [InlineData("tty: 1", "", "Pod web: spec.containers[0].tty: \"1\" is neither true nor false")]
    [InlineData("", "restartPolicy: Sometimes,", "Pod web: spec.restartPolicy: \"Sometimes\" is none of Always, OnFailure, Never")]
    [InlineData("", "volumes: [{name: v, nfs: {server: s}}],", "Pod web: spec.volumes[0].name: \"v\" has none of hostPath")]
    [InlineData("", "volumes: [{name: v, configMap: {name: m, optional: true, items: [{key: k, path: ../x}]}}, {name: v, emptyDir: {}}],", "Pod web: spec.volumes[1].name: \"v\" is there twice")]
    [InlineData("", "runtimeClassName: kata,", "Pod web: spec.runtimeClassName: it is not understood")]
    public void What_is_not_understood_is_told_by_kind_name_and_field(string container, string spec, string message) =>
        Should.Throw<CliException>(() => KubeFile.Parse(Pod(container, spec))).Message.ShouldStartWith("Error: " + message);

    [Theory]
    [InlineData("apiVersion: v1\nkind: Service\nmetadata: {name: s}\n", "Error: Service s: ")]
    [InlineData("apiVersion: v2\nkind: Pod\nmetadata: {name: s}\n", "Error: Pod s: apiVersion: \"v2\" is not understood")]
    [InlineData("apiVersion: v1\nmetadata: {name: s}\n", "Error: a document has no kind")]
    [InlineData("apiVersion: v1\nkind: Pod\n", "Error: Pod: metadata.name: it is missing")]
    [InlineData("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '?'}\n", "Error: Secret s: data.a: it is no base64")]
    [InlineData("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {../a: x}\n", "Error: ConfigMap s: data: \"../a\" is no key")]
    [InlineData("- a\n", "Error: a document is no mapping")]
    [InlineData("a: [\n", "Error: yaml: line ")]
    public void Documents_that_are_none_are_told(string yaml, string message) => Should.Throw<CliException>(() => KubeFile.Parse(yaml)).Message.ShouldStartWith(message);

    [Fact]
    public void Paths_of_items_stay_inside_the_volume()
    {
        const string map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: x}\n";
        foreach (var path in (string[])["../x", "/x", "a/../../x"])
            Should.Throw<CliException>(() => KubeFile.Parse(Pod("", $"volumes: [{{name: v, configMap: {{name: m, items: [{{key: k, path: {path}}}]}}}}],") + map)).Message.ShouldContain("leads out of the volume");
    }

    [Theory]
    [InlineData("500m", 500_000_000)]
    [InlineData("1.5", 1_500_000_000)]
    [InlineData("2", 2_000_000_000)]
    public void Processors_are_billionths(string text, long expected) => KubeFile.Parse(Pod($"resources: {{limits: {{cpu: {text}}}}}")).Pods[0].Containers[0].Request.HostConfig!.NanoCpus.ShouldBe(expected);

    [Theory]
    [InlineData("64Mi", 64L << 20)]
    [InlineData("1.5Gi", 3L << 29)]
    [InlineData("128M", 128_000_000)]
    [InlineData("1e3", 1000)]
    [InlineData("100k", 100_000)]
    public void Memory_is_bytes(string text, long expected) => KubeFile.Parse(Pod($"resources: {{limits: {{memory: {text}}}}}")).Pods[0].Containers[0].Request.HostConfig!.Memory.ShouldBe(expected);

    [Fact]
    public void A_secret_stands_in_no_command()
    {
        const string secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hush}\n";
        const string variable = "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]";
        var request = KubeFile.Parse(Pod(variable) + secret).Pods[0].Containers[0].Request;
        request.Env.ShouldBeEmpty();
        request.HostConfig!.Annotations!["wharf.secret.kube000"].ShouldBe("s.k,type=env,target=A");
        Should.Throw<CliException>(() => KubeFile.Parse(Pod(variable + ", args: [$(A)]") + secret)).Message.ShouldContain("spec.containers[0].args: $(A) is a secret's");
    }
}
