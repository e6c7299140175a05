using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class FullSessionTests
{
    private static readonly Dictionary<string, string> NoCredentials = new() { ["X-Registry-Auth"] = "e30=" };

    [Fact]
    public async Task Images_from_import_to_prune()
    {
        using var api = new ApiSession(engine.SocketPath);
        var name = Unique("img");
        await api.CallAsync("ImageCreate", $"/images/create?fromSrc=-&repo={name}&tag=a&message=hello&changes=ENV%20A=b&platform=linux/amd64", 200, BusyboxImage.Tar());
        await api.CallAsync("ImageCreate", "/images/create?fromImage=127.0.0.1:1/compat/nope&tag=x", 500, headers: NoCredentials);
        (await api.CallAsync("ImageInspect", $"/images/{name}:a/json", 200)).GetProperty("RepoTags")[0].GetString().ShouldBe($"{name}:a");
        await api.CallAsync("ImageInspect", "/images/compat-nope/json", 404);
        await api.CallAsync("ImageList", "/images/json?all=1&shared-size=1&digests=1&manifests=0&filters={\"reference\":[\"" + name + "\"]}", 200);
        await api.CallAsync("ImageHistory", $"/images/{name}:a/history", 200);
        await api.CallAsync("ImageTag", $"/images/{name}:a/tag?repo={name}&tag=b", 201);
        await api.CallAsync("ImageGet", $"/images/{name}:a/get", 200);
        await api.CallAsync("ImageGetAll", $"/images/get?names={name}:a&names={name}:b", 200);
        await api.CallAsync("ImageLoad", "/images/load?quiet=1", 200, await SavedAsync($"{name}:a"));
        await api.CallAsync("ImagePush", "/images/compat-nope/push?tag=x", 200, headers: NoCredentials);
        await CommitAsync(api, name);
        await BuildAsync(api, name);
        await api.CallAsync("ImageDelete", $"/images/{name}:a?force=0&noprune=0", 200);
        await api.CallAsync("ImageDelete", $"/images/{name}:b", 200);
        await api.CallAsync("ImageDelete", $"/images/{name}:b", 404);
        await api.CallAsync("ImagePrune", "/images/prune?filters={\"label\":[\"compat=none\"]}", 200);
        await api.CallAsync("ImageSearch", "/images/search?term=127.0.0.1:1/compat&limit=200&filters={}", 400);
        await api.CallAsync("DistributionInspect", "/distribution/127.0.0.1:1/compat/nope/json", 500);
    }

    private async Task<byte[]> SavedAsync(string name)
    {
        var path = Path.Combine(engine.Root, Guid.NewGuid().ToString("N"));
        (await engine.DockerAsync("save", "-o", path, name)).ShouldExit(0);
        var bytes = await File.ReadAllBytesAsync(path);
        File.Delete(path);
        return bytes;
    }

    private async Task CommitAsync(ApiSession api, string name)
    {
        var container = (await api.CallAsync("ContainerCreate", "/containers/create", 201, """{"Image":"busybox:latest","Cmd":["true"]}""")).GetProperty("Id").GetString();
        await api.CallAsync("ImageCommit", $"/commit?container={container}&repo={name}&tag=c&comment=why&author=who&pause=0&changes=CMD%20sh", 201, """{"Labels":{"a":"b"}}""");
        await api.CallAsync("ContainerDelete", $"/containers/{container}?force=1", 204);
        await api.CallAsync("ImageDelete", $"/images/{name}:c?force=1", 200);
    }

    private static async Task BuildAsync(ApiSession api, string name)
    {
        using var context = new MemoryStream();
        using (var tar = new TarWriter(context, TarEntryFormat.Ustar, leaveOpen: true))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "Dockerfile") { DataStream = new MemoryStream("FROM busybox:latest\nARG who\nRUN echo $who > /who\n"u8.ToArray()) });
        await api.CallAsync("ImageBuild", $"/build?dockerfile=Dockerfile&t={name}:d&q=0&nocache=1&rm=1&forcerm=1&pull=0&buildargs={{\"who\":\"me\"}}&labels={{\"a\":\"b\"}}&networkmode=none&shmsize=0&memory=0&memswap=0&cpushares=0&cpusetcpus=&cpuperiod=0&cpuquota=0&extrahosts=db:127.0.0.1&remote=&target=&platform=linux/amd64&cachefrom=[]&version=1", 200, context.ToArray());
        await api.CallAsync("ImageDelete", $"/images/{name}:d?force=1", 200);
        await api.CallAsync("BuildPrune", "/build/prune?filters={\"until\":[\"8760h\"]}&reserved-space=0&max-used-space=0&min-free-space=0&all=0", 200);
    }
}
