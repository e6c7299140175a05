using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Builds for several platforms in one go, and for one whose programs this machine cannot run.</summary>
public sealed class MultiPlatformTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-platforms-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    [Fact]
    public async Task One_build_gives_an_index_with_an_image_for_each_platform()
    {
        if (!engine.IsWharf) Assert.Skip("docker without containerd's image store builds for one platform");
        Buildx.Require("docker-buildx");
        await using var registry = await MainJob.LocalRegistry.StartAsync(Path.Combine(_context, ".registry"));
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), """
            FROM --platform=$BUILDPLATFORM busybox AS make
            ARG TARGETPLATFORM TARGETARCH BUILDPLATFORM
            RUN echo "made on $BUILDPLATFORM for $TARGETPLATFORM" > /made
            FROM scratch
            ARG TARGETARCH
            COPY --from=make /made /made
            COPY f-$TARGETARCH /f
            LABEL arch=$TARGETARCH
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_context, ".dockerignore"), ".*\n", TestContext.Current.CancellationToken);
        foreach (var arch in new[] { "amd64", "arm64" }) await File.WriteAllTextAsync(Path.Combine(_context, "f-" + arch), arch, TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        foreach (var (client, tag) in new[] { ("buildx", "1"), ("wharf", "2") })
        {
            var name = $"127.0.0.1:{registry.Port}/mp/image:{tag}";
            string[] build = ["build", "--platform", "linux/amd64,linux/arm64", "--push", "-t", name, _context];
            (client == "buildx" ? await Buildx.RunAsync(engine, build) : await engine.WharfAsync(build)).ShouldExit(0);
            var index = await DocumentAsync(http, registry.Port, tag, "application/vnd.oci.image.index.v1+json");
            var images = index["manifests"]!.AsArray().Where(entry => entry!["platform"]!["os"]!.GetValue<string>() == "linux").ToList();
            images.Select(entry => entry!["platform"]!["architecture"]!.GetValue<string>()).ShouldBe(["amd64", "arm64"]);
            foreach (var image in images)
            {
                var arch = image!["platform"]!["architecture"]!.GetValue<string>();
                var manifest = await DocumentAsync(http, registry.Port, image["digest"]!.GetValue<string>(), "application/vnd.oci.image.manifest.v1+json");
                var config = JsonNode.Parse(await http.GetStringAsync($"http://127.0.0.1:{registry.Port}/v2/mp/image/blobs/{manifest["config"]!["digest"]}", TestContext.Current.CancellationToken))!;
                config["architecture"]!.GetValue<string>().ShouldBe(arch);
                config["config"]!["Labels"]!["arch"]!.GetValue<string>().ShouldBe(arch);
            }
        }
        var local = Path.Combine(_context, ".out");
        (await engine.WharfAsync("build", "--platform", "linux/amd64,linux/arm64", "-o", local, _context)).ShouldExit(0);
        (await File.ReadAllTextAsync(Path.Combine(local, "linux_arm64/f"), TestContext.Current.CancellationToken)).ShouldBe("arm64");
        (await File.ReadAllTextAsync(Path.Combine(local, "linux_arm64/made"), TestContext.Current.CancellationToken)).ShouldBe("made on linux/amd64 for linux/arm64\n");
    }

    private static async Task<JsonNode> DocumentAsync(HttpClient http, int port, string reference, string type)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/v2/mp/image/manifests/{reference}");
        request.Headers.Accept.ParseAdd(type);
        using var response = await http.SendAsync(request);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    [Fact]
    public async Task A_step_for_a_platform_without_emulator_says_so()
    {
        if (File.Exists("/proc/sys/fs/binfmt_misc/qemu-riscv64")) Assert.Skip("this machine runs programs for riscv64");
        await File.WriteAllBytesAsync(Path.Combine(_context, "sh"), Program(machine: 243), TestContext.Current.CancellationToken);
        File.SetUnixFileMode(Path.Combine(_context, "sh"), (UnixFileMode)0b111_101_101);
        await File.WriteAllTextAsync(Path.Combine(_context, "Dockerfile"), "FROM scratch\nCOPY sh /bin/sh\nRUN echo never\n", TestContext.Current.CancellationToken);
        var result = (await engine.WharfAsync("build", "--platform", "linux/riscv64", "--progress=plain", _context)).ShouldExit(1);
        result.Error.ShouldContain("exec format error");
        if (engine.IsWharf) result.Error.ShouldContain("the step is for linux/riscv64");
    }

    /// <summary>The least ELF file that a kernel looks at: a header and one loaded segment. <paramref name="machine"/> is e_machine (243: RISC-V).</summary>
    private static byte[] Program(ushort machine)
    {
        var file = new byte[120];
        ((byte[])[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(16), 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), machine);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), 0x400078); // entry
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), 64); // program headers
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(52), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(64), 1); // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(68), 5);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(80), 0x400000);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(96), 120);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(104), 120);
        return file;
    }
}
